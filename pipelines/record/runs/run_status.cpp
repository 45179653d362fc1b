// The state is decided in the order in which one thing outlasts the other: a summary, a held claim, how the last attempt ended.
#include "run_status.hpp"

#include "record/folder/record_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/folder/small_file.hpp"
#include "record/ledger/test_ledger.hpp"

#include <millrace/error.hpp>
#include <millrace/files/claim.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <system_error>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::array kStates{"running", "finished", "stopped", "failed", "interrupted"};

// An empty one for what is not there or none.
Json object_in(const fs::path& path) {
  Json object = record_json(content_of(path.string()));
  return object.is_object() ? object : Json::object();
}

std::string text_in(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

ClaimHolder holder_of(const fs::path& folder) {
  try {
    return claim_holder((folder / run_parts::kClaim).string());
  } catch (const Error&) {  // being removed, or not for this user to read
    return {};
  }
}

RunState ended_state(const fs::path& folder, std::int64_t attempt) {
  const fs::path last = folder / run_parts::kAttempts / std::to_string(attempt) / run_parts::kSummary;
  const std::string said = text_in(object_in(last), "status");
  if (said == name_of(RunState::stopped)) return RunState::stopped;
  return said == name_of(RunState::failed) ? RunState::failed : RunState::interrupted;
}

RunState state_of(const fs::path& folder, const ClaimHolder& holder) {
  std::error_code failed;
  if (fs::exists(fs::symlink_status(folder / run_parts::kSummary, failed))) return RunState::finished;
  return holder.is_over ? ended_state(folder, holder.attempt) : RunState::running;
}

std::vector<std::string> names_of(const JournalLine& line) {
  std::vector<std::string> names;
  for (const auto& [name, value] : line.values) names.push_back(name);
  return names;
}

Monitor monitor_of(const Json& environment) {
  const auto found = environment.find("monitor");
  if (found == environment.end() || !found->is_object()) return {};
  return {text_in(*found, "metric"), text_in(*found, "mode") == "max"};
}

// A value that is not finite is better than none, and worse than any other.
bool is_better(double value, const std::optional<BestValue>& best, bool is_largest_best) {
  if (!best) return true;
  if (!std::isfinite(value) || !std::isfinite(best->value)) return std::isfinite(value);
  return is_largest_best ? value > best->value : value < best->value;
}

void take_line(const JournalLine& line, const Monitor& monitor, RunStatus& status) {
  if (line.kind != "epoch") return;
  const auto epoch = static_cast<std::uint32_t>(line.position.epoch);
  status.epochs_done = epoch;
  const std::string chosen = monitor.metric.empty() ? compared_metric(names_of(line)) : monitor.metric;
  const std::string name = status.best ? status.best->name : chosen;
  const std::optional<double> value = line.number(name);
  if (value && is_better(*value, status.best, monitor.is_largest_best)) status.best = BestValue{name, *value, epoch};
}

// A journal that is not there is none that was lost: its run may have ended before it could begin one.
void note_unread(const Error& error, RunStatus& status) {
  if (error.name() == "journal-version") status.damages.push_back(error.message());
}

void read_metrics(const fs::path& folder, const Monitor& monitor, RunStatus& status) {
  const std::string journal = (folder / run_parts::kMetrics).string();
  try {
    const JournalExtent read =
        read_journal(journal, [&](const JournalLine& line) { take_line(line, monitor, status); });
    if (const auto damage = journal_damage(journal, read)) status.damages.push_back(damage_text(journal, *damage));
  } catch (const Error& error) {
    note_unread(error, status);
  }
}

void read_tests(const std::string& folder, RunStatus& status) {
  try {
    const TestLedger ledger = read_test_ledger(folder);
    status.tests = ledger.entries.size();
    if (ledger.damage) status.damages.push_back(damage_text(folder, ledger));
  } catch (const Error& error) {
    note_unread(error, status);
  }
}

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code failed;
  fs::recursive_directory_iterator entry(folder, fs::directory_options::skip_permission_denied, failed);
  for (const fs::recursive_directory_iterator end; !failed && entry != end; entry.increment(failed)) {
    std::error_code gone;
    if (fs::is_regular_file(entry->symlink_status(gone))) bytes += entry->file_size(gone) * (gone ? 0 : 1);
  }
  return bytes;
}

void take_environment(const Json& environment, RunStatus& status) {
  status.started = parse_time(text_in(environment, "started"));
  const auto epochs = environment.find("epochs");
  if (epochs != environment.end() && epochs->is_number_unsigned()) status.epochs_planned = epochs->get<std::uint32_t>();
}

}  // namespace

Monitor kept_monitor(const std::string& folder) {
  return monitor_of(object_in(fs::path(folder) / run_parts::kEnvironment));
}

std::optional<std::chrono::system_clock::time_point> started_at(const std::string& folder) {
  return parse_time(text_in(object_in(fs::path(folder) / run_parts::kEnvironment), "started"));
}

const char* name_of(RunState state) { return kStates[static_cast<std::size_t>(state)]; }

RunStatus status_of(const std::string& folder) {
  require_run_folder(folder);
  const fs::path path(folder);
  const ClaimHolder holder = holder_of(path);
  RunStatus status;
  status.folder = folder;
  status.name = fs::path(folder).lexically_normal().filename().string();
  status.state = state_of(path, holder);
  status.attempt = holder.attempt;
  const Json environment = object_in(path / run_parts::kEnvironment);
  take_environment(environment, status);
  read_metrics(path, monitor_of(environment), status);
  status.bytes = bytes_below(path);
  read_tests(folder, status);
  return status;
}

std::string compared_metric(const std::vector<std::string>& names) {
  const auto ending = [&](const std::string& wanted) -> std::string {
    const auto found =
        std::find_if(names.begin(), names.end(), [&](const std::string& name) { return name.ends_with(wanted); });
    return found == names.end() ? "" : *found;
  };
  if (std::find(names.begin(), names.end(), "val_loss") != names.end()) return "val_loss";
  const std::string validation = ending("val_loss");
  return validation.empty() ? ending("loss") : validation;
}

}  // namespace millrace::pipelines
