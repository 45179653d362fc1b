// Where everything of a training step lies in its one block of memory.
#pragma once

#include "gradient_reduction.hpp"
#include "nn/cpu/kernels/scratch.hpp"
#include "nn/cpu/pass/gradient_pass.hpp"
#include "nn/cpu/pass/train_pass.hpp"
#include "reduction_deviation.hpp"
#include "trained_weights.hpp"

#include <millrace/model.hpp>

#include <cstddef>
#include <optional>

namespace millrace::cpu {

struct TrainLayout {
  explicit TrainLayout(const TrainSpec& spec);
  ScratchLayout scratch;  // before the others, which take from it
  TrainPassLayout pass;
  TrainedWeightsLayout weights;
  std::size_t gradient;  ///< the flat buffer; over several ranks with the flags behind it
  GradientPassLayout gradient_pass;
  std::size_t no_gradient = 0;  ///< a row of zeros for the first layer, where columns may be left out
  GradientReductionLayout reduction;
  std::optional<ReductionDeviationLayout> deviation;
};

}  // namespace millrace::cpu
