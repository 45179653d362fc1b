// The same comparison and the same reading as for a run that goes on; only which checkpoint is taken differs.
#include "past_states.hpp"

#include "command/loading/training_graph.hpp"
#include "record/checkpoints/past_run.hpp"
#include "record/folder/run_parts.hpp"
#include "resumed_run.hpp"
#include "run_comparison.hpp"
#include "slice/slice.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <utility>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

bool lies_before(const CheckpointPosition& at, std::uint32_t epoch, bool in_epoch) {
  if (next_epoch(at) > epoch) return false;
  return at.is_epoch_complete || at.epoch < epoch || in_epoch;
}

std::string place_of(const CheckpointPosition& at) {
  return at.is_epoch_complete ? fmt::format("behind epoch {}", at.epoch)
                              : fmt::format("behind batch {} of epoch {}", at.batch, at.epoch);
}

/// False, with a reason in `past`, where the checkpoint cannot be read.
bool take(const KeptCheckpoint& kept, const PastRun& run, const std::string& folder, const ValidatedGraph& graph,
          PastStates& past) try {
  const Checkpoint checkpoint = read_kept(kept, run, folder, checkpoint_models(kept_nodes(graph)));
  past.states = states_of(checkpoint);
  past.first_epoch = next_epoch(kept.position);
  past.checkpoint = kept.path;
  past.place = place_of(kept.position);
  return true;
} catch (const Error& error) {
  past.refused.push_back(error.message());
  return false;
}

// What was before a child began was trained by its parent's config.
void require_own_beginning(const std::string& folder, const PastStates& past) {
  if (!environment_of(folder).contains("parent")) return;
  Error error(
      ErrorKind::data, "past-lost",
      fmt::format("run `{}` went on from another run, and no checkpoint from before that epoch is left in it", folder),
      "ask its parent; `keep: {last: N}` keeps more checkpoints");
  for (const std::string& refused : past.refused) error.add_note(refused);
  throw error;
}

}  // namespace

std::unique_ptr<CheckedConfig> check_config_of(const std::string& folder, ConfigOptions options) {
  options.config = (fs::path(folder) / run_parts::kConfig).string();
  enter_folder_of(folder);
  return check_config(options);
}

void become_past_run(CheckedConfig& checked, const std::string& folder) {
  leave_test_out(checked, nullptr);
  if (checked.diagnostics.has_errors()) return;
  require_as_trained(checked, info_of(checked.graph), folder,
                     "put it back as it was: what would be computed from what is here now is another run");
}

std::uint32_t last_past_epoch(const std::string& folder) {
  std::uint32_t told = 0;
  const PastRun run = read_past_run_to_damage((fs::path(folder) / run_parts::kMetrics).string());
  if (run.damage) return UINT32_MAX;  // how far it has come stands behind the damage
  for (const Metrics& epoch : run.epochs) told = std::max(told, epoch.epoch);
  if (told == 0) return UINT32_MAX;
  return is_finished(folder) ? told : told + 1;
}

// Weights that the run has restored at its end are alone: nothing goes on from them.
PastStates states_before(const std::string& folder, const CheckedConfig& checked, const ValidatedGraph& slice,
                         std::uint32_t epoch, bool in_epoch) {
  PastStates past{{}, epoch, "", "from the seed", {}};
  if (starts_anywhere(slice)) return past;
  past.first_epoch = 1;
  if (!volatile_nodes(slice).empty()) return past;
  const std::string journal = (fs::path(folder) / run_parts::kMetrics).string();
  const PastRun run = read_past_run_to_damage(journal);
  if (run.damage) past.refused.push_back(damage_text(journal, *run.damage));
  for (const KeptCheckpoint& kept : stored_newest_first(run.checkpoints, folder))
    if (lies_before(kept.position, epoch, in_epoch) && take(kept, run, folder, checked.graph, past)) break;
  if (past.states.empty()) require_own_beginning(folder, past);
  return past;
}

}  // namespace millrace::pipelines
