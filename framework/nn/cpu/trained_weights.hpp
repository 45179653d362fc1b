// The weights of a model under training on the CPU, with what the optimizer keeps beside them: initial values, the update slab
// by slab, snapshots, and what is saved.
#pragma once

#include "nn/cpu/kernels/scratch.hpp"
#include "nn/cpu/pass/shards.hpp"
#include "nn/optimizer.hpp"

#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::cpu {

/// Where that lies in the scratch memory.
struct TrainedWeightsLayout {
  TrainedWeightsLayout(const TrainSpec& spec, ScratchLayout& scratch);
  std::size_t weights = 0;
  std::vector<std::size_t> state;
};

/// What a slab contributes to sums over all weights, added up in the order of slabs.
struct SlabSums {
  double penalty = 0, gradient_squares = 0;
};

class TrainedWeights {
 public:
  /// Fills `scratch` with initial weights. `spec` and `scratch` belong to the caller and outlive this.
  TrainedWeights(const TrainSpec& spec, const TrainedWeightsLayout& layout, const Scratch& scratch);

  /// The flat buffer, in place for ever.
  const float* data() const { return weights_; }
  std::size_t size() const { return static_cast<std::size_t>(spec_.model->parameters()); }
  std::uint64_t steps() const { return steps_; }
  /// Whether the gradient of all weights is needed before any may change.
  bool needs_whole_gradient() const { return optimizer_.clip_norm() > 0 || spec_.checks_gradient; }

  // A step: begin_step, then for each slab add_l2_gradient and apply_update; when the whole gradient is needed, set_clip_factor in between.
  // Slabs that do not overlap may be worked on by any threads at once.
  void begin_step();
  /// Adds the gradient of the L2 penalty to the slab's gradient [weights_of(slab)]. Squares are summed only when needs_whole_gradient().
  SlabSums add_l2_gradient(const Slab& slab, float* gradient) const;
  /// Throws Error("diverged", diverged) where the gradient is looked at and not finite; the step is none then.
  void set_clip_factor(std::span<const SlabSums> all);
  /// What the L2 penalty of the slab's weights adds to the loss.
  double penalty_of(const Slab& slab) const;
  /// Scales the gradient if it is to be clipped, and changes the slab's weights by it.
  void apply_update(const Slab& slab, float* gradient);

  /// From the next step on.
  void scale_learning_rate(double factor) { optimizer_.scale_learning_rate(factor); }

  std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch) const;
  void save(StageState& state) const;
  /// Throws Error("no-such-state" | "state-mismatch", data).
  void load(const StageState& state);

 private:
  const TrainSpec& spec_;
  nn::Optimizer optimizer_;
  float* weights_;
  std::vector<float*> state_;  ///< each as long as the weights
  std::uint64_t steps_ = 0;
  nn::Coefficients coefficients_;
  float clip_factor_ = 1;
};

/// Throws Error("diverged", diverged) for a loss that is not finite; `steps`: how many came before.
void require_finite(double loss, std::uint64_t steps);

}  // namespace millrace::cpu
