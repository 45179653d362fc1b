// A child takes what it goes on from into its own folder first: its parent may be removed, and it is resumed like any other.
#include "resumed_run.hpp"

#include "command/loading/config_plugins.hpp"
#include "command/loading/resolved_text.hpp"
#include "command/terminal/terminal.hpp"
#include "diagnostics/printable_text.hpp"
#include "new_run.hpp"
#include "process/process_info.hpp"
#include "record/checkpoints/epoch_ranking.hpp"
#include "record/checkpoints/kept_nodes.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/environment/environment.hpp"
#include "record/folder/record_failure.hpp"
#include "record/folder/run_parts.hpp"
#include "record/folder/small_file.hpp"
#include "run_comparison.hpp"

#include <millrace/error.hpp>
#include <millrace/files/claim.hpp>
#include <millrace/files/journal.hpp>
#include <millrace/files/kept_checkpoints.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kChildHelp =
    "put it back as it was, or say --other-bits: that makes a run of its own, which goes on from here";

std::string below(const std::string& folder, const char* part) { return (fs::path(folder) / part).string(); }

/// The run's config.yaml has no longer the nodes that were taken away when it was started, and beside which the others drew.
void draw_as_before(const nlohmann::ordered_json& environment, CheckedConfig& checked) {
  const auto numbers = environment.find("seed_numbers");
  if (numbers == environment.end()) return;
  try {
    keep_draws(numbers->get<SeedNumbers>(), checked);
  } catch (const nlohmann::json::
               exception&) {  // NOLINT(bugprone-empty-catch): the config's hash differs then, which is told
  }
}

/// `found`: what is not as it was. `help`: what the verb can do about it.
void require_same(const std::string& folder, std::vector<std::string> found, const char* help) {
  if (found.empty()) return;
  Error error(ErrorKind::config, "resume-differs",
              fmt::format("run `{}` would not come to the same bits: something is not as it was", folder), help);
  for (std::string& difference : found) error.add_note(std::move(difference));
  throw error;
}

void require_savable(const std::string& folder, const ValidatedGraph& graph) {
  const std::vector<std::string> names = volatile_nodes(graph);
  if (names.empty()) return;
  throw Error(
      ErrorKind::config, "resume-volatile",
      fmt::format("run `{}` cannot go on: node `{}` keeps a state that its stage cannot save", folder, names.front()),
      "start another run");
}

std::string place_text(const Resumption& from) {
  if (from.states.empty())
    return from.refused.empty() ? "from its beginning: its journal tells of no checkpoint"
                                : "from its beginning: no checkpoint can be used";
  const CheckpointPosition& at = from.checkpoints.back().position;
  return at.is_epoch_complete ? fmt::format("behind epoch {}", at.epoch)
                              : fmt::format("behind batch {} of epoch {}", at.batch, at.epoch);
}

void tell_place(const Resumption& from) {
  for (const std::string& refused : from.refused) write_note(fmt::format("not used: {}\n", printable_line(refused)));
  write_note(fmt::format("goes on {}\n", place_text(from)));
}

RunStart start_of(const CheckedConfig& checked, const std::string& folder) {
  RunStart start{below(folder, run_parts::kConfig), command_line(), std::chrono::system_clock::now(),
                 monitor_of(checked.spec.keep)};
  if (checked.draws_as_before) start.seed_numbers = seed_numbers(checked.graph);
  return start;
}

void write_lines(const RunFolder& attempt, const std::vector<JournalLine>& lines) {
  Journal journal(attempt.metrics_path());
  for (const JournalLine& line : lines) journal.append(line);
  journal.sync();
}

std::uintmax_t journal_bytes(const std::string& folder) {
  std::error_code failed;
  const std::uintmax_t bytes = fs::file_size(below(folder, run_parts::kMetrics), failed);
  return failed ? 0 : bytes;
}

// `bytes`: of the journal when it was read. A process that has worked on the run since knows of more than `from` says.
std::unique_ptr<KeptRun> begin_attempt(const CheckedConfig& checked, const RunInfo& info, const std::string& folder,
                                       const Resumption& from, std::uintmax_t bytes) {
  const std::string environment = environment_json(checked.graph, info, start_of(checked, folder));
  const auto prepare = [&](const RunFolder& attempt) {
    if (journal_bytes(folder) != bytes) throw run_in_use(folder);
    write_lines(attempt, from.lines);
  };
  return std::make_unique<KeptRun>(RunFolder::open(folder, environment, prepare), checked.graph, checked.spec.keep,
                                   uses_of(checked), from);
}

/// A checkpoint of `parent`, written into the child's folder.
KeptCheckpoint copy_checkpoint(const KeptCheckpoint& kept, const std::string& parent, const RunFolder& child,
                               const ValidatedGraph& graph, std::vector<JournalLine>& lines) {
  Checkpoint checkpoint = read_checkpoint(parent + "/" + kept.path, checkpoint_models(kept_nodes(graph)));
  forget_last_epoch(checkpoint);
  const std::string name = checkpoint_name(checkpoint.position);
  const CheckpointFile file = write_checkpoint(child.checkpoints_folder() + "/" + name, checkpoint);
  KeptCheckpoint copy{checkpoint.position, child.checkpoint_place(name)};
  lines.push_back(checkpoint_line(child.attempt(), copy, file));
  return copy;
}

/// Of those before the last, which the child goes on from.
const KeptCheckpoint* best_before_last(const Resumption& from, const Monitor& monitor) {
  const EpochRanking ranking(monitor, from.epochs);
  for (auto kept = from.checkpoints.begin(); kept + 1 != from.checkpoints.end(); ++kept)
    if (ranking.best() && kept->position.is_epoch_complete && kept->position.epoch == ranking.best()->epoch)
      return &*kept;
  return nullptr;
}

// The best epoch of the child may be one that it has of its parent. Where that one's checkpoint is damaged nothing needs it to go on.
std::vector<KeptCheckpoint> copy_checkpoints(Resumption& from, const std::string& parent, const RunFolder& child,
                                             const CheckedConfig& checked) {
  std::vector<KeptCheckpoint> copies;
  if (const KeptCheckpoint* best = best_before_last(from, monitor_of(checked.spec.keep))) try {
      copies.push_back(copy_checkpoint(*best, parent, child, checked.graph, from.lines));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::data) throw;
    }
  copies.push_back(copy_checkpoint(from.checkpoints.back(), parent, child, checked.graph, from.lines));
  return copies;
}

/// What a child has of its parent: the epochs, as of no attempt of its own, the newest checkpoint and the best.
void hand_down(Resumption& from, const std::string& parent, const RunFolder& child, const CheckedConfig& checked) {
  std::erase_if(from.lines, [](const JournalLine& line) { return line.kind != kEpochLine; });
  from.probe.reset();  // its config is another
  for (JournalLine& line : from.lines) line.attempt = 0;
  if (!from.states.empty()) from.checkpoints = copy_checkpoints(from, parent, child, checked);
  write_lines(child, from.lines);
}

std::unique_ptr<KeptRun> begin_child(const CheckedConfig& checked, const RunInfo& info, const std::string& parent,
                                     const std::string& runs, Resumption& from) {
  RunStart start = start_of(checked, parent);
  start.parent = {parent, from.states.empty() ? CheckpointPosition{} : from.checkpoints.back().position};
  const NewRun run{checked.graph.name, resolved_text(checked, with_plugins_from_root(checked.spec.resolved)),
                   environment_json(checked.graph, info, start)};
  RunFolder folder =
      RunFolder::make(runs, run, [&](const RunFolder& child) { hand_down(from, parent, child, checked); });
  return std::make_unique<KeptRun>(std::move(folder), checked.graph, checked.spec.keep, uses_of(checked), from);
}

void require_epochs_left(const std::string& folder, const Resumption& from, const ValidatedGraph& graph) {
  if (from.states.empty()) return;
  const std::uint32_t next = next_epoch(from.checkpoints.back().position);
  if (next <= graph.epochs) return;
  throw Error(ErrorKind::config, "no-epochs-left",
              fmt::format("run `{}` has trained {} epochs, and epochs is {}", folder, next - 1, graph.epochs),
              fmt::format("--set epochs={} trains one more", next));
}

// Who asks for a run that goes on from here does not want one that begins anew.
void require_fit(const std::string& folder, const Resumption& from) {
  if (!from.states.empty() || from.refused.empty()) return;
  Error error(ErrorKind::config, "resume-unfit", fmt::format("no checkpoint of run `{}` can be used", folder),
              "layers and optimizer have to be as they were; what is trained from its beginning is another run");
  for (const std::string& refused : from.refused) error.add_note(refused);
  throw error;
}

/// `begin`: how rank 0 keeps what is trained from here.
template <class Begin>
TrainingStart start_from(Resumption from, CheckedConfig& checked, bool quiet, const Begin& begin) {
  TrainingStart start;
  checked.graph.first_epoch = from.first_epoch;  // what is kept begins there too
  checked.graph.last_epoch = from.last_epoch;
  if (checked.graph.ranks.rank == 0) {
    if (checked.spec.keep.is_kept) start.kept = begin(from);
    if (!quiet) tell_place(from);
  }
  start.loaded = std::move(from.states);
  start.earlier_epochs = std::move(from.epochs);
  return start;
}

Resumption resumption_in(const std::string& folder, const ValidatedGraph& graph, bool is_child) {
  require_savable(folder, graph);
  return resumption_of(read_past_run_to_damage(below(folder, run_parts::kMetrics)), folder, graph, is_child);
}

}  // namespace

bool is_finished(const std::string& folder) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(below(folder, run_parts::kSummary), ignored));
}

std::string summary_of(const std::string& folder) { return content_of(below(folder, run_parts::kSummary)); }

void enter_folder_of(const std::string& folder) {
  std::error_code ignored;
  const std::string before = text_of(environment_of(folder), "folder");
  if (!before.empty()) fs::current_path(before, ignored);
}

void require_as_trained(CheckedConfig& checked, const RunInfo& info, const std::string& folder, const char* help) {
  const auto environment = environment_of(folder);
  draw_as_before(environment, checked);
  std::vector<std::string> changed = changed_config(environment, checked.graph.config_hash);
  for (std::string& sentence : changed_surroundings(environment, info)) changed.push_back(std::move(sentence));
  require_same(folder, std::move(changed), help);
}

std::vector<std::string> changed_since(CheckedConfig& checked, const std::string& folder) {
  const auto environment = environment_of(folder);
  draw_as_before(environment, checked);
  std::vector<std::string> changed = changed_config(environment, checked.graph.config_hash);
  for (std::string& sentence : changed_data(environment, data_of(checked.graph)))
    changed.push_back(std::move(sentence));
  return changed;
}

TrainingStart resume_run(CheckedConfig& checked, const RunInfo& info, const std::string& folder, bool quiet) {
  require_as_trained(checked, info, folder, kChildHelp);
  const std::uintmax_t bytes = journal_bytes(folder);
  return start_from(resumption_in(folder, checked.graph, false), checked, quiet,
                    [&](const Resumption& from) { return begin_attempt(checked, info, folder, from, bytes); });
}

TrainingStart resume_as_child(CheckedConfig& checked, const RunInfo& info, const ChildRun& child, bool quiet) {
  const std::string& parent = child.parent;
  const auto environment = environment_of(parent);
  draw_as_before(environment, checked);
  if (!child.has_other_bits) require_same(parent, changed_surroundings(environment, info), kChildHelp);
  if (!claim_holder(below(parent, run_parts::kClaim)).is_over) throw run_in_use(parent);
  Resumption from = resumption_in(parent, checked.graph, true);
  require_fit(parent, from);
  require_epochs_left(parent, from, checked.graph);
  return start_from(std::move(from), checked, quiet,
                    [&](Resumption& own) { return begin_child(checked, info, parent, child.runs, own); });
}

}  // namespace millrace::pipelines
