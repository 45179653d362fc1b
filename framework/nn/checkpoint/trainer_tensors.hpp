// The tensors of one trainer in a checkpoint, sorted by what they are of, and compared with a model.
#pragma once

#include "nn/checkpoint/model_tensors.hpp"

#include <millrace/files/checkpoint.hpp>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace millrace::nn {

/// Entries of the header, which outlives this.
struct TrainerTensors {
  using ByName = std::map<std::string, const SafetensorsEntry*>;

  ByName weights;                                     ///< by name in the model
  std::vector<std::pair<std::string, ByName>> slots;  ///< of the optimizer, in the order of the file
  ByName state;                                       ///< by entry

  TrainerTensors(const CheckpointHeader& header, const std::string& trainer);
};

/// `found`: what `header` has of the model's node. Throws Error of kind data: checkpoint-trainer, checkpoint-tensor, checkpoint-shape, checkpoint-dtype, checkpoint-optimizer.
void require_fits(const TrainerTensors& found, const CheckpointHeader& header, const CheckpointModel& model,
                  const std::string& path);

}  // namespace millrace::nn
