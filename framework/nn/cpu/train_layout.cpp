// Places follow in the order of the members; buffers for several ranks, nonzero columns and the deviation only where the run needs them.
#include "train_layout.hpp"

namespace millrace::cpu {
namespace {

std::int64_t gradient_floats(const TrainSpec& spec) {
  return spec.model->parameters() + (ranks_of(spec) > 1 ? static_cast<std::int64_t>(nn::kFlags) : 0);
}

}  // namespace

TrainLayout::TrainLayout(const TrainSpec& spec)
    : pass(spec, scratch),
      weights(spec, scratch),
      gradient(scratch.floats(gradient_floats(spec))),
      gradient_pass(spec, spec.reduction, scratch),
      reduction(spec, scratch) {
  if (has_nonzero_columns(*spec.model)) no_gradient = scratch.floats(spec.model->layers[0].outputs);
  if (measures_deviation(spec)) deviation.emplace(spec, scratch);
}

}  // namespace millrace::cpu
