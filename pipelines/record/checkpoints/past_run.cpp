// Positions are compared and nothing else: what is behind the checkpoint comes again and has the same bits.
#include "past_run.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>

namespace millrace::pipelines {
namespace {

constexpr const char* kPath = "path";
constexpr const char* kComplete = "complete";
constexpr const char* kBatch = "batch";
constexpr const char* kRow = "row";

template <class T>
T value_of(const JournalLine& line, const char* name, T otherwise) {
  const auto value = line.values.find(name);
  if (value == line.values.end()) return otherwise;
  const T* const held = std::get_if<T>(&value->second);
  return held != nullptr ? *held : otherwise;
}

Metrics metrics_of(const JournalLine& line) {
  Metrics metrics;
  metrics.epoch = static_cast<std::uint32_t>(line.position.epoch);
  for (const auto& [name, value] : line.values)
    if (const auto number = line.number(name)) metrics.set(name, *number);
  return metrics;
}

KeptCheckpoint kept_of(const JournalLine& line) {
  CheckpointPosition at;
  at.is_epoch_complete = value_of<bool>(line, kComplete, false);
  at.epoch = static_cast<std::uint32_t>(line.position.epoch - (at.is_epoch_complete ? 1 : 0));
  at.batch = static_cast<std::uint64_t>(value_of<std::int64_t>(line, kBatch, 0));
  at.row = static_cast<std::uint64_t>(value_of<std::int64_t>(line, kRow, 0));
  return {at, value_of<std::string>(line, kPath, "")};
}

// A file that is gone was removed because newer ones are there; one that should be there and is not is told as others are.
bool is_there(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

void keep_until(const PastRun& past, const KeptCheckpoint* from, const std::string& folder, Resumption& resumption) {
  for (const JournalLine& line : past.lines) {
    if (line.kind == kEpochLine && line.position.epoch < resumption.first_epoch) resumption.lines.push_back(line);
    if (line.kind == kCheckpointLine && from != nullptr && !is_further(from->position, kept_of(line).position))
      resumption.lines.push_back(line);
  }
  for (const Metrics& epoch : past.epochs)
    if (epoch.epoch < resumption.first_epoch) resumption.epochs.push_back(epoch);
  for (const KeptCheckpoint& kept : past.checkpoints)
    if (from != nullptr && !is_further(from->position, kept.position) && is_there(folder + "/" + kept.path))
      resumption.checkpoints.push_back(kept);
}

}  // namespace

JournalLine checkpoint_line(std::int64_t attempt, const KeptCheckpoint& kept, const CheckpointFile& file) {
  JournalLine line;
  line.attempt = attempt;
  const bool is_complete = kept.position.is_epoch_complete;
  line.position = {next_epoch(kept.position), is_complete ? 0 : static_cast<std::int64_t>(kept.position.batch)};
  line.kind = kCheckpointLine;
  line.values = {{kPath, kept.path},
                 {kComplete, kept.position.is_epoch_complete},
                 {kBatch, static_cast<std::int64_t>(kept.position.batch)},
                 {kRow, static_cast<std::int64_t>(kept.position.row)},
                 {"bytes", static_cast<std::int64_t>(file.bytes)},
                 {"sha256", file.sha256}};
  return line;
}

PastRun read_past_run(const std::string& journal) {
  PastRun past;
  if (!is_there(journal)) return past;
  read_journal(journal, [&](const JournalLine& line) {
    past.lines.push_back(line);
    if (line.kind == kEpochLine) past.epochs.push_back(metrics_of(line));
    if (line.kind == kCheckpointLine) past.checkpoints.push_back(kept_of(line));
  });
  return past;
}

// Behind the last epoch that epoch comes again: a trainer that has all of it sends its model and what it has measured, and the evaluation is
// made up for. Other stages have no such state; they begin that epoch anew, from a checkpoint before its end.
Resumption resumption_of(const PastRun& past, const std::string& folder, const ValidatedGraph& graph) {
  Resumption resumption;
  resumption.first_epoch = std::min(graph.epochs, 1U);
  const std::vector<CheckpointModel> models = checkpoint_models(kept_nodes(graph));
  const KeptCheckpoint* from = nullptr;
  for (auto kept = past.checkpoints.rbegin(); kept != past.checkpoints.rend() && from == nullptr; ++kept) {
    const std::string path = folder + "/" + kept->path;
    if (!is_there(path)) continue;
    try {
      const Checkpoint checkpoint = read_checkpoint(path, models);
      const bool is_over = next_epoch(checkpoint.position) > graph.epochs;
      if (is_over && !checkpoint.stages.empty()) continue;
      resumption.states = states_of(checkpoint);
      resumption.first_epoch = std::min(next_epoch(checkpoint.position), graph.epochs);
      from = &*kept;
    } catch (const Error& error) {
      resumption.refused.push_back(error.message());
    }
  }
  keep_until(past, from, folder, resumption);
  return resumption;
}

}  // namespace millrace::pipelines
