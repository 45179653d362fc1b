// An attempt's file holds a line of a journal, of kind "claim", that says who made it; the file's modification time is the last heartbeat.
#include "output_file.hpp"
#include "process_identity.hpp"

#include <millrace/detail/file_calls.hpp>
#include <millrace/error.hpp>
#include <millrace/files/atomic_file.hpp>
#include <millrace/files/claim.hpp>
#include <millrace/files/journal_line.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr double kUnknownLeaseS = 60;  // of whoever does not say it
constexpr std::size_t kMostBytes = 4096;
constexpr std::timespec kGivenBack{0, 0};  // a heartbeat in 1970: any lease is over

std::string file_of(const std::string& folder, std::int64_t attempt) {
  return (fs::path(folder) / std::to_string(attempt)).string();
}

// 0 for a name that is no number as file_of writes it.
std::int64_t attempt_of(const std::string& name) {
  std::int64_t attempt = 0;
  std::from_chars(name.data(), name.data() + name.size(), attempt);
  return attempt > 0 && std::to_string(attempt) == name ? attempt : 0;
}

// A file server's client may show an old list; the link that follows is decided by the server.
std::int64_t highest_attempt(const std::string& folder) {
  std::int64_t highest = 0;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    highest = std::max(highest, attempt_of(entry->path().filename().string()));
  if (failed) throw output_failure("look into", folder, failed.value());
  return highest;
}

std::string owner_line(std::int64_t attempt, std::chrono::milliseconds lease) {
  const ProcessIdentity me = this_process();
  JournalLine line;
  line.attempt = attempt;
  line.kind = "claim";
  line.values = {{"host", me.host},
                 {"boot", me.boot},
                 {"pid_namespace", me.pid_namespace},
                 {"pid", me.pid},
                 {"start_ticks", me.start_ticks},
                 {"lease_s", std::chrono::duration<double>(lease).count()}};
  return to_json(line) + '\n';
}

struct Owner {
  ProcessIdentity process;
  double lease_s = kUnknownLeaseS;
};

std::string text_of(const JournalLine& line, const char* name) {
  const auto found = line.values.find(name);
  const auto* text = found == line.values.end() ? nullptr : std::get_if<std::string>(&found->second);
  return text == nullptr ? std::string() : *text;
}

std::int64_t integer_of(const JournalLine& line, const char* name) {
  const auto found = line.values.find(name);
  const auto* number = found == line.values.end() ? nullptr : std::get_if<std::int64_t>(&found->second);
  return number == nullptr ? 0 : *number;
}

Owner owner_in(const OutputFile& file) {
  std::string text(kMostBytes, '\0');
  text.resize(file.read_at(0, text));
  JournalLine line;
  if (!parse_journal_line(std::string_view(text).substr(0, text.find('\n')), line)) return {};
  return {{text_of(line, "host"), text_of(line, "boot"), text_of(line, "pid_namespace"), integer_of(line, "pid"),
           integer_of(line, "start_ticks")},
          line.number("lease_s").value_or(kUnknownLeaseS)};
}

// Opened, not only looked at: then a file server's client asks the server.
ClaimHolder holder(const std::string& folder, std::int64_t attempt, double now_s) {
  ClaimHolder found{.attempt = attempt};
  if (attempt == 0) return found;
  const OutputFile file(file_of(folder, attempt), O_RDONLY | O_NOFOLLOW);
  const Owner owner = owner_in(file);
  found.host = owner.process.host;
  found.pid = owner.process.pid;
  found.silent_s = std::max(0.0, now_s - file.modified_s());
  found.is_over = found.silent_s > owner.lease_s || has_ended(owner.process);
  return found;
}

// The clock of whoever keeps the files: of one that is touched now.
double clock_s(const AtomicFile& file, const std::string& folder) {
  struct stat status {};
  if (file_calls().touch(file.descriptor(), nullptr) != 0 || ::fstat(file.descriptor(), &status) != 0)
    throw output_failure("set the time of a file in", folder, errno);
  return seconds(status.st_mtim);
}

// Where creating fails late the name may be there already, and would hold the claim for a process that believes it has not got it.
bool create_or_give_back(AtomicFile& file) try { return file.create(); } catch (...) {
  file_calls().touch(file.descriptor(), &kGivenBack);
  throw;
}

[[noreturn]] void fail_as_lost(const std::string& path, const std::string& why) {
  throw Error(ErrorKind::output, "claim-lost", fmt::format("`{}` no longer counts: {}", path, why),
              "this process was stopped or cut off for longer than its lease; what it has written stays");
}

}  // namespace

struct Claim::State {
  State(const std::string& claim_folder, std::int64_t number) : folder(claim_folder), attempt(number) {}
  // Not where a forked copy of the process ends.
  ~State() {
    if (::getpid() == pid) give_back();
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void give_back() const noexcept try {
    OutputFile(path, O_WRONLY | O_NOFOLLOW).touch(&kGivenBack);
  } catch (const Error&) {
  }

  std::string folder;
  std::int64_t attempt;
  std::string path = file_of(folder, attempt);
  pid_t pid = ::getpid();
};

Claim::Claim(std::unique_ptr<State> state) : state_(std::move(state)) {}
Claim::Claim(Claim&&) noexcept = default;
Claim& Claim::operator=(Claim&&) noexcept = default;
Claim::~Claim() = default;

std::optional<Claim> Claim::take(const std::string& folder, std::chrono::milliseconds lease) {
  for (std::int64_t before = highest_attempt(folder);; ++before) {
    AtomicFile file(file_of(folder, before + 1));
    file.write(owner_line(before + 1, lease));
    file.sync();  // now, for between the look at the other's heartbeat and the link there should be little time
    if (!holder(folder, before, clock_s(file, folder)).is_over) return {};
    if (create_or_give_back(file)) return Claim(std::make_unique<State>(folder, before + 1));
  }
}

std::int64_t Claim::attempt() const { return state_->attempt; }

void Claim::beat() {
  const OutputFile mine = OutputFile::try_open(state_->path, O_WRONLY | O_NOFOLLOW);
  if (!mine.is_open() && errno == ENOENT) fail_as_lost(state_->path, "it has been removed");
  if (!mine.is_open()) throw output_failure("open", state_->path, errno);
  mine.touch();
  std::error_code failed;
  const std::string next = file_of(state_->folder, state_->attempt + 1);
  if (fs::exists(next, failed)) fail_as_lost(state_->path, fmt::format("there is `{}`", next));
  if (failed) throw output_failure("look at", next, failed.value());
}

bool Claim::commit(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.sync();
  beat();
  return file.create();
}

ClaimHolder claim_holder(const std::string& folder) {
  double now_s = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  try {
    now_s = clock_s(AtomicFile(file_of(folder, 0)), folder);  // never published
  } catch (const Error&) {  // NOLINT(bugprone-empty-catch): who may only read asks this machine
  }
  return holder(folder, highest_attempt(folder), now_s);
}

}  // namespace millrace
