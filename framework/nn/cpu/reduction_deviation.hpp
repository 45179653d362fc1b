// How far the gradient of `reduction: fast` is from that of `ordered`, over the same batch and weights.
#pragma once

#include "gradient_reduction.hpp"
#include "nn/cpu/kernels/parallel.hpp"
#include "nn/cpu/kernels/scratch.hpp"
#include "nn/cpu/pass/gradient_pass.hpp"

#include <millrace/model.hpp>

#include <cstdint>
#include <optional>
#include <span>

namespace millrace::cpu {

/// Whether the difference can be told: only where `ordered` could run too.
bool measures_deviation(const TrainSpec& spec);

/// Where a gradient as `ordered` has it is found.
struct ReductionDeviationLayout {
  ReductionDeviationLayout(const TrainSpec& spec, ScratchLayout& scratch);
  GradientPassLayout pass;
  std::size_t gradient = 0, theirs = 0;
};

class ReductionDeviation {
 public:
  /// All but the layout outlive this. `weights` is the flat buffer.
  ReductionDeviation(const TrainSpec& spec, const Forward& forward, const Backward& backward, const float* weights,
                     const ReductionDeviationLayout& layout, const Scratch& scratch);

  /// Of `gradient`, summed over the ranks, for the batch that `forward` has begun, which has `rows` rows over all ranks: the largest
  /// difference of a component over the largest component of the ordered one. Every rank calls it.
  double measure(std::span<const float> gradient, std::int64_t rows);

 private:
  void compute_ordered(std::int64_t rows);

  const TrainSpec& spec_;
  GradientPass pass_;
  std::span<float> ordered_, theirs_;
};

}  // namespace millrace::cpu
