// Positions are compared and nothing else: what is behind the checkpoint comes again and has the same bits.
#include "past_run.hpp"

#include "probes.hpp"
#include "record/audit/row_lines.hpp"

#include <millrace/error.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/journal_damage.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

Metrics metrics_of(const JournalLine& line) {
  Metrics metrics;
  metrics.epoch = static_cast<std::uint32_t>(line.position.epoch);
  for (const auto& [name, value] : line.values)
    if (const auto number = line.number(name)) metrics.set(name, *number);
  return metrics;
}

// An epoch that comes again, because its end is where the run stands, keeps its line: a process that is killed before it is told again leaves a
// journal from which the same checkpoint can be taken.
void keep_until(const PastRun& past, const KeptCheckpoint* from, const std::string& folder, Resumption& resumption) {
  const std::uint32_t next = from != nullptr ? next_epoch(from->position) : resumption.first_epoch;
  for (const JournalLine& line : past.lines) {
    const bool is_of_epoch = line.kind == kEpochLine || line.kind == kRowsLine;
    if (is_of_epoch && line.position.epoch < next) resumption.lines.push_back(line);
    if (line.kind == kCheckpointLine && from != nullptr &&
        !is_further(from->position, kept_checkpoint_of(line).position))
      resumption.lines.push_back(line);
    if (line.kind == kProbeLine && from != nullptr && line.position <= line_position(from->position)) {
      resumption.lines.push_back(line);
      if (line.position == line_position(from->position)) resumption.probe = probe_of(line);
    }
  }
  for (const Metrics& epoch : past.epochs)
    if (epoch.epoch < resumption.first_epoch) resumption.epochs.push_back(epoch);
  for (const KeptCheckpoint& kept : past.checkpoints)
    if (from != nullptr && &kept != from && !is_further(from->position, kept.position) &&
        why_not_stored(kept, folder).empty())
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

}  // namespace

PastRun read_past_run(const std::string& journal) {
  PastRun past = read_past_run_to_damage(journal);
  if (past.damage) throw journal_damaged(journal, *past.damage);
  return past;
}

PastRun read_past_run_to_damage(const std::string& journal) {
  PastRun past;
  if (std::error_code ignored; !fs::exists(journal, ignored)) return past;
  const JournalExtent read = read_journal(journal, [&](const JournalLine& line) {
    past.lines.push_back(line);
    if (line.kind == kEpochLine) past.epochs.push_back(metrics_of(line));
    if (line.kind == kRestoredLine)
      past.restored = kept_checkpoint_of(line);
    else if (const std::optional<std::string> path = note_checkpoint(line, past.checkpoints); path)
      past.refused.push_back(fmt::format("{}: what was trained from it was not what had been trained before", *path));
  });
  past.damage = journal_damage(journal, read);
  if (past.damage) past.refused.push_back(damage_text(journal, *past.damage));
  return past;
}

Checkpoint read_kept(const KeptCheckpoint& kept, const PastRun& past, const std::string& folder,
                     const std::vector<CheckpointModel>& models) {
  require_told_before(kept.position, past);
  return read_kept_checkpoint(kept, folder, models);
}

std::vector<KeptCheckpoint> stored_checkpoints(const PastRun& past, const std::string& folder) {
  std::vector<KeptCheckpoint> all = past.checkpoints;
  if (past.restored) all.push_back(*past.restored);
  return stored_newest_first(all, folder);
}

// Behind the last epoch that epoch comes again: a trainer that has all of it sends its model and what it has measured, and the evaluation is
// made up for. Other stages have no such state; they begin that epoch anew, from a checkpoint before its end. Older files that are gone
// were removed when newer ones had come.
Resumption resumption_of(const PastRun& past, const std::string& folder, const ValidatedGraph& graph, bool is_child) {
  Resumption resumption;
  resumption.first_epoch = std::min(graph.epochs, 1U);
  resumption.refused = past.refused;
  const std::vector<CheckpointModel> models = checkpoint_models(kept_nodes(graph));
  const KeptCheckpoint* from = nullptr;
  for (auto kept = past.checkpoints.rbegin(); kept != past.checkpoints.rend() && from == nullptr; ++kept) {
    if (std::string why = why_not_stored(*kept, folder); !why.empty()) {
      if (kept == past.checkpoints.rbegin() || !is_own_place(*kept)) resumption.refused.push_back(std::move(why));
      continue;
    }
    try {
      const Checkpoint checkpoint = read_kept(*kept, past, folder, models);
      const std::uint32_t last = is_child ? UINT32_MAX : last_epoch(checkpoint);
      const bool is_over = next_epoch(checkpoint.position) > std::min(graph.epochs, last);
      if (is_over && !checkpoint.stages.empty()) continue;
      resumption.last_epoch = last;
      resumption.states = states_of(checkpoint);
      resumption.first_epoch = std::min({next_epoch(checkpoint.position), graph.epochs, last});
      from = &*kept;
    } catch (const Error& error) {
      resumption.refused.push_back(error.message());
    }
  }
  keep_until(past, from, folder, resumption);
  return resumption;
}

}  // namespace millrace::pipelines
