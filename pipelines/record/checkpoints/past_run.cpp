// Positions are compared and nothing else: what is behind the checkpoint comes again and has the same bits.
#include "past_run.hpp"

#include "checkpoint_writer.hpp"
#include "record/folder/run_parts.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/input_file.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <system_error>
#include <utility>
#include <variant>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPath = "path";
constexpr const char* kComplete = "complete";
constexpr const char* kBatch = "batch";
constexpr const char* kRow = "row";
constexpr const char* kSha256 = "sha256";

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
  return {at, value_of<std::string>(line, kPath, ""), value_of<std::string>(line, kSha256, "")};
}

// Whether the path is one that a run writes: a journal may come from anybody, and what it names is read and removed.
bool is_own_place(const KeptCheckpoint& kept) {
  const fs::path path(kept.path);
  if (std::distance(path.begin(), path.end()) != 4) return false;
  const std::string attempt = std::next(path.begin())->string();
  const bool is_number = !attempt.empty() && attempt.find_first_not_of("0123456789") == std::string::npos;
  return is_number && kept.path == (fs::path(run_parts::kAttempts) / attempt / run_parts::kCheckpoints /
                                    checkpoint_name(kept.position))
                                       .string();
}

// A file, and no link to one or on the way to it.
bool is_there(const std::string& folder, const KeptCheckpoint& kept) {
  fs::path path(folder);
  std::error_code ignored;
  for (const fs::path& part : fs::path(kept.path))
    if (fs::is_symlink(fs::symlink_status(path /= part, ignored))) return false;
  return fs::is_regular_file(path, ignored);
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
    if (from != nullptr && &kept != from && !is_further(from->position, kept.position) && is_own_place(kept) &&
        is_there(folder, kept))
      resumption.checkpoints.push_back(kept);
  if (from != nullptr) resumption.checkpoints.push_back(*from);
}

void require_told_before(const CheckpointPosition& position, const PastRun& past) {
  std::set<std::uint32_t> told;
  for (const Metrics& epoch : past.epochs) told.insert(epoch.epoch);
  for (std::uint32_t epoch = 1; epoch < next_epoch(position); ++epoch)
    if (!told.contains(epoch))
      throw Error(ErrorKind::data, "journal-gap", fmt::format("the journal says nothing of epoch {}", epoch));
}

/// Throws what is wrong with it, of kind data.
Checkpoint read_kept(const KeptCheckpoint& kept, const PastRun& past, const std::string& folder,
                     const std::vector<CheckpointModel>& models) {
  const std::string path = folder + "/" + kept.path;
  require_told_before(kept.position, past);
  Checkpoint checkpoint = read_checkpoint(path, models);
  InputFile file(path);
  if (read_checkpoint_header(file).sha256 != kept.sha256 || checkpoint.position != kept.position)
    throw Error(ErrorKind::data, "checkpoint-foreign",
                fmt::format("{} is not the file that the journal tells of", path));
  return checkpoint;
}

/// Why a checkpoint of the journal is not even looked at; empty for one that is.
std::string why_not_there(const KeptCheckpoint& kept, const std::string& folder) {
  if (!is_own_place(kept)) return fmt::format("`{}` is no place where a run keeps checkpoints", kept.path);
  return fmt::format("{}/{} is not there", folder, kept.path);
}

}  // namespace

JournalLine checkpoint_line(std::int64_t attempt, const KeptCheckpoint& kept, const CheckpointFile& file) {
  JournalLine line;
  line.attempt = attempt;
  const bool is_complete = kept.position.is_epoch_complete;
  // Rows, not batches: of trainers with batches of several sizes the one that has come least far decides, and that is not always the same one.
  line.position = {next_epoch(kept.position), is_complete ? 0 : static_cast<std::int64_t>(kept.position.row)};
  line.kind = kCheckpointLine;
  line.values = {{kPath, kept.path},
                 {kComplete, kept.position.is_epoch_complete},
                 {kBatch, static_cast<std::int64_t>(kept.position.batch)},
                 {kRow, static_cast<std::int64_t>(kept.position.row)},
                 {"bytes", static_cast<std::int64_t>(file.bytes)},
                 {kSha256, file.sha256}};
  return line;
}

PastRun read_past_run(const std::string& journal) {
  PastRun past;
  if (std::error_code ignored; !fs::exists(journal, ignored)) return past;
  read_journal(journal, [&](const JournalLine& line) {
    past.lines.push_back(line);
    if (line.kind == kEpochLine) past.epochs.push_back(metrics_of(line));
    if (line.kind == kCheckpointLine) past.checkpoints.push_back(kept_of(line));
  });
  return past;
}

std::vector<KeptCheckpoint> stored_checkpoints(const PastRun& past, const std::string& folder) {
  std::vector<KeptCheckpoint> stored;
  for (auto kept = past.checkpoints.rbegin(); kept != past.checkpoints.rend(); ++kept)
    if (is_own_place(*kept) && is_there(folder, *kept)) stored.push_back(*kept);
  return stored;
}

std::optional<KeptCheckpoint> best_checkpoint(const PastRun& past, const std::vector<KeptCheckpoint>& stored,
                                              const std::string& metric, bool is_largest_best) {
  std::map<std::uint32_t, double> values;
  for (const Metrics& epoch : past.epochs)
    if (const auto value = epoch.find(metric); value && std::isfinite(*value)) values[epoch.epoch] = *value;
  std::optional<KeptCheckpoint> best;
  for (auto kept = stored.rbegin(); kept != stored.rend(); ++kept) {
    if (!kept->position.is_epoch_complete || !values.contains(kept->position.epoch)) continue;
    const double value = values.at(kept->position.epoch), than = best ? values.at(best->position.epoch) : 0;
    if (!best || (is_largest_best ? value > than : value < than)) best = *kept;
  }
  return best;
}

// Behind the last epoch that epoch comes again: a trainer that has all of it sends its model and what it has measured, and the evaluation is
// made up for. Other stages have no such state; they begin that epoch anew, from a checkpoint before its end. Older files that are gone
// were removed when newer ones had come.
Resumption resumption_of(const PastRun& past, const std::string& folder, const ValidatedGraph& graph) {
  Resumption resumption;
  resumption.first_epoch = std::min(graph.epochs, 1U);
  const std::vector<CheckpointModel> models = checkpoint_models(kept_nodes(graph));
  const KeptCheckpoint* from = nullptr;
  for (auto kept = past.checkpoints.rbegin(); kept != past.checkpoints.rend() && from == nullptr; ++kept) {
    if (!is_own_place(*kept) || !is_there(folder, *kept)) {
      if (!is_own_place(*kept) || kept == past.checkpoints.rbegin())
        resumption.refused.push_back(why_not_there(*kept, folder));
      continue;
    }
    try {
      const Checkpoint checkpoint = read_kept(*kept, past, folder, models);
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
