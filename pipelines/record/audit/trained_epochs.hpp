// How far a run has trained, by what it has written beside its journal.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::pipelines {

struct TrainedEpochs {
  std::uint32_t planned = 0;
  std::uint32_t inherited = 0;  ///< of its parent: 1 to this one
  std::uint32_t last = 0;       ///< that has ended for certain; a journal may tell of later ones
};

/// By the summary of a run that has finished; of another by the checkpoints of its attempt at the end of an epoch. What cannot be read says nothing.
TrainedEpochs trained_epochs(const std::string& folder);

}  // namespace millrace::pipelines
