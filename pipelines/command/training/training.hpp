// Training as a command: a config is checked, run and reported, wherever the run begins.
#pragma once

#include "command/keeping/runs_option.hpp"
#include "command/loading/checked_config.hpp"
#include "command/options/verb.hpp"
#include "record/environment/run_info.hpp"
#include "record/kept_run.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct TrainingOptions : ConfigOptions, RunsFolder {
  bool dry_run = false, quiet = false;
  std::uint32_t every = 0;  ///< a line for each so many epochs; 0: as progress_line.hpp decides
  bool alone = false;       ///< one process, whatever a launcher says
  bool no_keep = false;     ///< the run leaves no folder
  bool goes_on = false;     ///< from a run that was kept, with whose surroundings these are compared

  /// Whether this process keeps the run.
  bool keeps(const CheckedConfig& checked) const {
    return checked.spec.keep.is_kept && !no_keep && !dry_run && checked.graph.ranks.rank == 0;
  }
};

/// How a run begins.
struct TrainingStart {
  std::unique_ptr<KeptRun> kept;  ///< null: it is not kept, or by another process
  std::vector<NodeState> loaded = {};
  std::vector<Metrics> earlier_epochs = {};
};
/// Called in each process of a run when its config has been found right. May set the graph's first epoch. Throws Error for what ends the command.
using BeginTraining = std::function<TrainingStart(CheckedConfig&, const RunInfo&)>;

/// Returns the exit code.
int train(const TrainingOptions& options, const BeginTraining& begin);

/// --json, --quiet, --every, --alone and --runs.
std::vector<Option> training_options();

}  // namespace millrace::pipelines
