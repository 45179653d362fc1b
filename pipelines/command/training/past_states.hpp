// A kept run looked at again: its config as it was trained, and the states from which a part of it is computed once more.
#pragma once

#include "command/loading/checked_config.hpp"
#include "run/report/state_sink.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// The whole config of the run in `folder` (from the root), checked, with the options of a verb that reads configs; goes into the folder in which it was
/// started. Its diagnostics may have errors.
std::unique_ptr<CheckedConfig> check_config_of(const std::string& folder, ConfigOptions options);

/// Leaves of it what has trained, which draws what it drew in the run; as who goes on with the run does. Throws Error("resume-differs", config) where config, data,
/// plugins or class of bits are not what they were. A config with errors stays one.
void become_past_run(CheckedConfig& checked, const std::string& folder);

/// The last epoch that the run in `folder` can be asked for: the last that it has told, and one more where it has not come to its end. UINT32_MAX where it has
/// told of none, which a run does that measures nothing.
std::uint32_t last_past_epoch(const std::string& folder);

/// Where the computing of a part begins.
struct PastStates {
  std::vector<NodeState> states;  ///< to be loaded into nodes of those names; empty: from the seed
  std::uint32_t first_epoch = 1;
  std::string checkpoint;            ///< from the run's folder on; empty without one
  std::string place;                 ///< "behind epoch 2", "from the seed": for people
  std::vector<std::string> refused;  ///< checkpoints that cannot be used: a sentence each
};

/// From the newest checkpoint that lies before all that `slice` gives in `epoch`; `in_epoch`: one in the middle of it may be taken too, because nothing is
/// wanted but what comes at its end. A slice that keeps nothing from epoch to epoch begins at `epoch`, one with a state that nobody can save at 1.
PastStates states_before(const std::string& folder, const CheckedConfig& checked, const ValidatedGraph& slice,
                         std::uint32_t epoch, bool in_epoch);

}  // namespace millrace::pipelines
