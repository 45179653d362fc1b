#include "train_layout.hpp"

#include "nn/cpu/pass/gradient_tree.hpp"

namespace millrace::cpu {
namespace {

std::int64_t gradient_floats(const TrainSpec& spec) {
  return spec.model->parameters() + (ranks_of(spec) > 1 ? static_cast<std::int64_t>(nn::kLanes) : 0);
}

GradientPassLayout gradient_pass_of(const TrainSpec& spec, ScratchLayout& scratch) {
  if (spec.reduction == Reduction::fast) return {*spec.model, 1, spec.max_batch_rows, scratch};
  return {*spec.model, parts_in_rank(ranks_of(spec)), most_rows_of_part(spec.max_batch_rows, ranks_of(spec)), scratch};
}

}  // namespace

TrainLayout::TrainLayout(const TrainSpec& spec)
    : pass(spec, scratch),
      weights(spec, scratch),
      gradient(scratch.floats(gradient_floats(spec))),
      gradient_pass(gradient_pass_of(spec, scratch)),
      reduction(spec, scratch) {
  if (has_live_columns(*spec.model)) no_gradient = scratch.floats(spec.model->layers[0].outputs);
  if (measures_deviation(spec)) deviation.emplace(spec, scratch);
}

}  // namespace millrace::cpu
