// The checkpoint of a run's best epoch, for everyone who asks for the best: that epoch's, or none.
#pragma once

#include "past_run.hpp"
#include "record/environment/environment.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// What is stored of the weights behind the best epoch by EpochRanking: its checkpoint, then what the run has restored where that is of this epoch too. Of
/// all the epochs that the journal has, not of those that are stored: where nothing of that one is stored, Error(no-checkpoint, data) says which
/// epoch it is and what there is. `folder`: the run's.
std::vector<KeptCheckpoint> best_checkpoints(const PastRun& past, const std::string& folder, const Monitor& monitor);

}  // namespace millrace::pipelines
