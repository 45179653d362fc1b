// A report is wanted most of a run that went wrong, so a file that is missing or torn costs what stood in it and nothing else.
#include "record_reading.hpp"

#include "record/checkpoints/past_run.hpp"
#include "record/folder/record_json.hpp"
#include "record/folder/run_parts.hpp"
#include "record/folder/small_file.hpp"
#include "record/runs/run_status.hpp"
#include "summary_reading.hpp"
#include "validation/validation_json.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json object_in(const fs::path& path) {
  Json object = record_json(content_of(path.string()));
  return object.is_object() ? object : Json::object();
}

void take_epoch(const JournalLine& line, std::map<std::string, Curve>& curves, RunRecord& record) {
  const auto epoch = static_cast<std::uint32_t>(line.position.epoch);
  record.epochs_done = epoch;
  for (const auto& [name, value] : line.values) {
    const std::optional<double> number = line.number(name);
    if (!number) continue;
    Curve& curve = curves[name];
    curve.name = name;
    curve.points.push_back({epoch, *number});
  }
  if (record.attempts.empty() || record.attempts.back().number != line.attempt)
    record.attempts.push_back({line.attempt, {}, {}, {}, epoch, epoch});
  record.attempts.back().last_epoch = epoch;
}

void take_checkpoint(const JournalLine& line, RunRecord& record) {
  const auto path = line.values.find("path");
  if (path == line.values.end() || !std::holds_alternative<std::string>(path->second)) return;
  const std::string& file = std::get<std::string>(path->second);
  std::error_code failed;
  const bool is_there = fs::is_regular_file(fs::path(record.folder) / file, failed);
  // The line stands where the run goes on: the end of epoch 3 is the beginning of epoch 4, and in the middle of one it counts rows.
  const CheckpointPosition at = kept_checkpoint_of(line).position;
  record.checkpoints.push_back(
      {line.position.epoch, static_cast<std::int64_t>(at.batch) * (at.is_epoch_complete ? 0 : 1), file, is_there});
}

// The metric by which runs are compared and its training's, then the others by name, a validation before its training, times last.
void order_curves(std::vector<Curve>& curves) {
  std::vector<std::string> names;
  for (const Curve& curve : curves) names.push_back(curve.name);
  const std::string first = trained_name(compared_metric(names));
  const auto key = [&](const Curve& curve) {
    const std::string trained = trained_name(curve.name);
    return std::tuple(trained != first, is_time(curve.name), trained, !is_validation(curve.name));
  };
  std::stable_sort(curves.begin(), curves.end(), [&](const Curve& a, const Curve& b) { return key(a) < key(b); });
}

void read_metrics(const fs::path& journal, RunRecord& record) {
  std::map<std::string, Curve> curves;
  try {
    const JournalExtent read = read_journal(journal.string(), [&](const JournalLine& line) {
      if (line.kind == kEpochLine) take_epoch(line, curves, record);
      if (line.kind == kCheckpointLine) take_checkpoint(line, record);
    });
    record.torn_bytes = read.torn_bytes;
    if (const auto damage = journal_damage(journal.string(), read))
      record.damages.push_back(damage_text(journal.string(), *damage) + "; nothing behind that line is counted");
  } catch (const Error& error) {
    record.unread = error.message();
  }
  for (auto& [name, curve] : curves) record.curves.push_back(std::move(curve));
  order_curves(record.curves);
}

std::vector<std::int64_t> attempt_numbers(const fs::path& attempts) {
  std::vector<std::int64_t> numbers;
  std::error_code failed;
  for (fs::directory_iterator entry(attempts, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    std::int64_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (number > 0 && std::to_string(number) == name) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

void read_tests(const std::string& folder, RunRecord& record) {
  try {
    TestLedger ledger = read_test_ledger(folder);
    record.tests = std::move(ledger.entries);
    if (ledger.damage) record.damages.push_back(damage_text(folder, ledger));
  } catch (const Error& error) {
    record.damages.push_back(error.message());
  }
}

// An attempt whose epochs were all trained again has none that counts.
void read_attempts(const fs::path& folder, RunRecord& record) {
  std::vector<AttemptRow> all;
  const std::vector<std::int64_t> numbers = attempt_numbers(folder / run_parts::kAttempts);
  for (const std::int64_t number : numbers) {
    const fs::path own = folder / run_parts::kAttempts / std::to_string(number);
    const Json environment = object_in(own / run_parts::kEnvironment);
    AttemptRow row{number, text_in(environment, "started"), text_in(environment, "host"), {}, {}, {}};
    row.status = number == numbers.back() ? record.status : text_in(object_in(own / run_parts::kSummary), "status");
    if (row.status.empty()) row.status = name_of(RunState::interrupted);
    for (const AttemptRow& counted : record.attempts)
      if (counted.number == number) {
        if (!row.first_epoch) row.first_epoch = counted.first_epoch;
        row.last_epoch = counted.last_epoch;
      }
    all.push_back(std::move(row));
  }
  record.attempts = std::move(all);
}

// Its epochs stand in the journal too. Of many, a tree takes longer than all the rest of a report.
Json summary_in(const fs::path& path) {
  Json object = record_json_without(content_of(path.string()), "epochs");
  return object.is_object() ? object : Json::object();
}

Json summary_of(const fs::path& folder, const fs::path& own) {
  const Json ended = summary_in(own / run_parts::kSummary);
  return ended.empty() ? summary_in(folder / run_parts::kSummary) : ended;
}

}  // namespace

RunRecord read_run(const std::string& folder, std::optional<std::int64_t> attempt) {
  const RunStatus status = status_of(folder);
  const fs::path path(folder);
  const fs::path own = attempt ? path / run_parts::kAttempts / std::to_string(*attempt) : path / run_parts::kCurrent;
  RunRecord record;
  record.folder = folder;
  record.name = status.name;
  record.epochs_planned = status.epochs_planned;
  read_metrics(own / run_parts::kMetrics, record);
  const Json summary = summary_of(path, own);
  read_summary(summary, record);
  record.status = text_in(summary, "status");
  if (record.status.empty()) record.status = name_of(status.state);
  if (record.curves.empty() && record.models.empty() &&
      record.status == name_of(RunState::finished))  // whose journal says nothing of them
    record.epochs_done = record.epochs_planned.value_or(0);
  record.validations = read_validation(object_in(own / run_parts::kValidation));
  read_environment(object_in(own / run_parts::kEnvironment), record);
  record.config = content_of((path / run_parts::kConfig).string());
  read_attempts(path, record);
  read_tests(folder, record);
  return record;
}

}  // namespace millrace::pipelines
