// The sum of gradients over the ranks of a run, between their computing and the update: in pieces that leave while others are still
// being computed (`fast`), or as a tree of which each rank has a part (`ordered`). Behind the gradient go control flags.
#pragma once

#include "nn/cpu/kernels/scratch.hpp"
#include "nn/rank_flags.hpp"

#include <millrace/communicator.hpp>
#include <millrace/model.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace millrace::cpu {

int ranks_of(const TrainSpec& spec);
int rank_of(const TrainSpec& spec);

/// Where a reduction keeps what it needs beside the gradient.
struct GradientReductionLayout {
  GradientReductionLayout(const TrainSpec& spec, ScratchLayout& scratch);
  std::size_t theirs =
      0;  ///< where another rank's gradient lies, as long as the own one with its flags; 0 where none is exchanged
};

/// One batch at a time: the gradients of each bucket are computed, then it is begun; after the last, finish.
class GradientReduction {
 public:
  virtual ~GradientReduction() = default;
  /// Layers whose gradients are computed together, in this order. The first has the flags behind it.
  virtual const std::vector<nn::GradientBucket>& buckets() const = 0;
  /// Does not block. Any thread, one at a time.
  virtual void begin(const nn::GradientBucket& bucket) = 0;
  /// Blocks until all of the gradient is the sum over the ranks.
  virtual void finish() = 0;
};

/// Null where nothing is to be summed over ranks. `gradient`: the flat buffer and nn::kFlags flags. All arguments but the layout
/// outlive it.
std::unique_ptr<GradientReduction> make_gradient_reduction(const TrainSpec& spec, std::span<float> gradient,
                                                           const GradientReductionLayout& layout,
                                                           const Scratch& scratch);

/// This rank's flags: that its loss is not finite, and the signal by which it was asked to stop.
void write_flags(const Communicator& communicator, bool is_finite, float* flags);
/// Whether some rank's loss was not finite.
bool some_diverged(const float* flags);
/// Stops where some rank was asked to.
void agree_on_stop(Communicator& communicator, const float* flags);

}  // namespace millrace::cpu
