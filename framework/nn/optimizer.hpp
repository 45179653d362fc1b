// An optimizer as the training steps need it: which update, how many state values a weight has, constants of a step.
#pragma once

#include "update_rule.hpp"

#include <millrace/model.hpp>

#include <cstdint>

namespace millrace::nn {

/// Checked parameters of an OptimizerSpec, in full precision.
class Optimizer {
 public:
  /// Throws Error("unknown-optimizer", run) for a name that optimizer_param_type() does not have.
  explicit Optimizer(const OptimizerSpec& spec);

  UpdateRule rule() const { return rule_; }
  /// State values a weight has beside itself: 0, 1 or 2.
  int state_slots() const;
  /// Largest global norm of the gradient; 0 when it is not clipped.
  double clip_norm() const { return clip_norm_; }
  /// `step` counts from 1.
  math::UpdateConstants constants(std::uint64_t step) const;

 private:
  UpdateRule rule_ = UpdateRule::sgd;
  double learning_rate_ = 0, momentum_ = 0, rho_ = 0, epsilon_ = 0, beta1_ = 0, beta2_ = 0, clip_norm_ = 0;
};

}  // namespace millrace::nn
