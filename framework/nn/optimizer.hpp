// The optimizer of one training, as its step needs it: which rule, how many values a weight has beside itself, coefficients.
#pragma once

#include "optimizers.hpp"

#include <millrace/model.hpp>

#include <cstdint>
#include <vector>

namespace millrace::nn {

/// Checked parameters of an OptimizerSpec, in full precision.
class Optimizer {
 public:
  /// What the spec leaves out has the descriptor's default. Throws Error("unknown-optimizer", run) for a name that
  /// optimizer_param_type() does not have.
  explicit Optimizer(const OptimizerSpec& spec);

  UpdateRule rule() const { return rule_; }
  /// Values that a weight has beside itself, at most kMostStateSlots: where each starts.
  std::vector<float> initial_state() const;
  /// What each of them is called.
  std::vector<std::string> slot_names() const;
  /// Largest global norm of the gradient; 0 when it is not clipped.
  double clip_norm() const { return clip_norm_; }
  /// From now on the learning rate is the spec's times `factor`.
  void scale_learning_rate(double factor);
  /// `step` counts from 1.
  Coefficients coefficients(std::uint64_t step) const;

 private:
  UpdateRule rule_{};
  OptimizerValues values_;
  double learning_rate_ = 0;  ///< as the spec has it
  double clip_norm_ = 0;
};

}  // namespace millrace::nn
