// Each step leaves what a reader understands: `current` is set when the attempt is whole, and the claim is taken before anything else.
#include "run_folder.hpp"

#include "diagnostics/printable_text.hpp"
#include "folder_calls.hpp"
#include "record_failure.hpp"
#include "run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNameBytes = 100;
constexpr std::int64_t kMostNumber = 1'000'000'000'000;

std::string below(const std::string& folder, const std::string& name) { return (fs::path(folder) / name).string(); }

/// The number of an entry called "<name>-<number>"; 0 for any other.
std::int64_t number_of(const std::string& entry, const std::string& name) {
  if (!entry.starts_with(name + "-")) return 0;
  const std::string digits = entry.substr(name.size() + 1);
  std::int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number > 0 && number < kMostNumber && std::to_string(number) == digits ? number : 0;
}

// Not the first gap: a number that has been removed would come again, and mean another run.
std::int64_t highest_number(const std::string& runs, const std::string& name) {
  std::int64_t highest = 0;
  std::error_code failed;
  for (fs::directory_iterator entry(runs, failed), end; !failed && entry != end; entry.increment(failed))
    highest = std::max(highest, number_of(entry->path().filename().string(), name));
  if (failed) throw unwritable_record("look into", runs, failed.value());
  return highest;
}

std::string make_numbered(const std::string& runs, const std::string& name) {
  std::error_code failed;
  fs::create_directories(runs, failed);
  if (failed) throw unwritable_record("make", runs, failed.value());
  for (std::int64_t number = highest_number(runs, name) + 1;; ++number) {
    std::string path = below(runs, fmt::format("{}-{}", name, number));
    if (make_folder(path)) return path;
  }
}

/// Takes away what was made, unless it is whole.
class Unfinished {
 public:
  explicit Unfinished(std::string path) : path_(std::move(path)) {}
  ~Unfinished() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  void keep() { path_.clear(); }

 private:
  std::string path_;
};

Claim take_claim(const std::string& folder) {
  std::optional<Claim> claim = Claim::take(below(folder, run_parts::kClaim), run_parts::kLease);
  if (!claim) throw run_in_use(folder);
  return std::move(*claim);
}

Error finished(const std::string& folder) {
  return {ErrorKind::output, "run-finished", fmt::format("run `{}` has been finished already", folder),
          "its summary.json stays as it is; start another run"};
}

std::string link_target(const char* part) { return below(run_parts::kCurrent, part); }

}  // namespace

RunFolder::RunFolder(std::string path, Claim claim)
    : path_(std::move(path)), claim_(std::make_unique<HeldClaim>(std::move(claim), run_parts::kLease)) {}

RunFolder RunFolder::make(const std::string& runs, const NewRun& run,
                          const std::function<void(const RunFolder&)>& prepare) try {
  const std::string path = make_numbered(runs, file_name_of(run.name));
  Unfinished unfinished(path);
  make_folder(below(path, run_parts::kClaim));
  make_folder(below(path, run_parts::kAttempts));
  RunFolder folder(path, take_claim(path));
  write_atomically(below(path, run_parts::kConfig), run.config);
  for (const char* part :
       {run_parts::kEnvironment, run_parts::kMetrics, run_parts::kCheckpoints, run_parts::kLog, run_parts::kReport})
    set_link(link_target(part), below(path, part), below(path, fmt::format(".{}", part)));
  folder.begin_attempt(run.environment, prepare);
  sync_names(runs);
  unfinished.keep();
  return folder;
} catch (const Error& error) {
  throw with_ways_out(error);
}

RunFolder RunFolder::open(const std::string& folder, const std::string& environment,
                          const std::function<void(const RunFolder&)>& prepare) {
  require_run_folder(folder);
  RunFolder opened(folder, take_claim(folder));
  std::error_code failed;
  if (fs::exists(below(folder, run_parts::kSummary), failed)) throw finished(folder);
  opened.begin_attempt(environment, prepare);
  return opened;
}

void RunFolder::begin_attempt(const std::string& environment, const std::function<void(const RunFolder&)>& prepare) {
  make_folder(attempt_folder());
  make_folder(checkpoints_folder());
  make_file(metrics_path());
  make_file(log_path());
  write_atomically(below(attempt_folder(), run_parts::kEnvironment), environment);
  if (prepare) prepare(*this);
  sync_names(below(path_, run_parts::kAttempts));
  show_attempt();
}

void RunFolder::show_attempt() {
  claim_->beat();
  set_link(below(run_parts::kAttempts, std::to_string(attempt())), below(path_, run_parts::kCurrent),
           below(path_, fmt::format(".{}-{}", run_parts::kCurrent, attempt())));
  sync_names(path_);
}

std::string RunFolder::attempt_folder() const {
  return below(below(path_, run_parts::kAttempts), std::to_string(attempt()));
}

std::string RunFolder::metrics_path() const { return below(attempt_folder(), run_parts::kMetrics); }
std::string RunFolder::checkpoints_folder() const { return below(attempt_folder(), run_parts::kCheckpoints); }
std::string RunFolder::log_path() const { return below(attempt_folder(), run_parts::kLog); }
std::string RunFolder::report_path() const { return below(attempt_folder(), run_parts::kReport); }
std::string RunFolder::validation_path() const { return below(attempt_folder(), run_parts::kValidation); }

std::string RunFolder::checkpoint_place(const std::string& name) const {
  return below(below(below(run_parts::kAttempts, std::to_string(attempt())), run_parts::kCheckpoints), name);
}

void RunFolder::finish(const std::string& summary) {
  if (!claim_->commit(below(path_, run_parts::kSummary), summary)) throw finished(path_);
}

void RunFolder::stop(const std::string& summary) {
  write_atomically(below(attempt_folder(), run_parts::kSummary), summary);
}

// What a shell, another system or an option would take for something else becomes `_`; letters of other scripts stay.
std::string file_name_of(const std::string& name) {
  std::string safe;
  for (const char c : printable_line(name)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool stays = std::isalnum(byte) != 0 || byte >= 0x80 || c == '_' || c == '-' || c == '+' || c == '=' ||
                       (c == '.' && !safe.empty());
    safe += stays ? c : '_';
  }
  if (safe.size() > kMostNameBytes) {
    std::size_t end = kMostNameBytes;
    while (end > 0 && (static_cast<unsigned char>(safe[end]) & 0xC0U) == 0x80U) --end;  // within a character
    safe.resize(end);
  }
  if (safe.starts_with('-')) safe.front() = '_';
  return safe.empty() ? "run" : safe;
}

}  // namespace millrace::pipelines
