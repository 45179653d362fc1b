// Computes the gradient once more in the order of `ordered`, and gives the largest absolute difference over the largest absolute value.
#include "reduction_deviation.hpp"

#include "nn/cpu/pass/gradient_tree.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace millrace::cpu {

bool measures_deviation(const TrainSpec& spec) {
  return spec.reduction == Reduction::fast && (ranks_of(spec) == 2 || ranks_of(spec) == 4);
}

ReductionDeviationLayout::ReductionDeviationLayout(const TrainSpec& spec, ScratchLayout& scratch)
    : pass(spec, Reduction::ordered, scratch),
      gradient(scratch.floats(spec.model->parameters())),
      theirs(scratch.floats(spec.model->parameters())) {}

ReductionDeviation::ReductionDeviation(const TrainSpec& spec, const Forward& forward, const Backward& backward,
                                       const float* weights, const ReductionDeviationLayout& layout,
                                       const Scratch& scratch)
    : spec_(spec),
      pass_(*spec.model, forward, backward, weights, layout.pass, scratch),
      ordered_(scratch.at<float>(layout.gradient), static_cast<std::size_t>(spec.model->parameters())),
      theirs_(scratch.at<float>(layout.theirs), ordered_.size()) {}

double ReductionDeviation::measure(std::span<const float> gradient, std::int64_t rows) {
  compute_ordered(rows);
  sum_over_ranks(*spec_.communicator, ordered_, theirs_);
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < ordered_.size(); ++i) {
    difference = std::max(difference, std::fabs(static_cast<double>(gradient[i]) - static_cast<double>(ordered_[i])));
    largest = std::max(largest, std::fabs(static_cast<double>(ordered_[i])));
  }
  return largest > 0 ? difference / largest : 0;
}

void ReductionDeviation::compute_ordered(std::int64_t rows) {
  const std::vector<Range> parts = parts_of_rank(rows, rank_of(spec_), ranks_of(spec_));
  std::vector<Slab> slabs = weight_slabs(*spec_.model, rows);
  std::erase_if(slabs, [&](const Slab& slab) { return spec_.model->layers[slab.layer].is_frozen; });
  if (spec_.model->trainable_parameters() < spec_.model->parameters())
    std::fill(ordered_.begin(), ordered_.end(), 0.0F);
  std::vector<Phase> phases;
  pass_.add_phases(phases, parts, rows);
  phases.emplace_back(slabs.size(), [&](std::size_t i, std::size_t) {
    pass_.compute(slabs[i], parts, ordered_.data() + offset_of(*spec_.model, slabs[i]));
  });
  run_phases(phases);
}

}  // namespace millrace::cpu
