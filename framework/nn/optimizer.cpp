// Optimizer: from the descriptor's values to constants of an update.
#include "optimizer.hpp"

#include <millrace/error.hpp>

#include <cmath>

namespace millrace::nn {
namespace {

/// A number of the record, or `otherwise` when it is absent.
double number_or(const ParamValue& params, std::string_view key, double otherwise) {
  if (!params.is_map()) return otherwise;
  const ParamValue* value = params.find(key);
  return value && !value->is_null() ? value->number() : otherwise;
}

bool flag(const ParamValue& params, std::string_view key) {
  const ParamValue* value = params.is_map() ? params.find(key) : nullptr;
  return value && !value->is_null() && value->boolean();
}

UpdateRule rule_of(const OptimizerSpec& spec, double momentum) {
  if (spec.name == "sgd") {
    if (momentum == 0) return UpdateRule::sgd;
    return flag(spec.params, "nesterov") ? UpdateRule::sgd_nesterov : UpdateRule::sgd_momentum;
  }
  if (spec.name == "rmsprop") return momentum == 0 ? UpdateRule::rmsprop : UpdateRule::rmsprop_momentum;
  if (spec.name == "adam") return UpdateRule::adam;
  throw Error(ErrorKind::run, "unknown-optimizer", "there is no optimizer `" + spec.name + "`",
              "use sgd, rmsprop or adam");
}

}  // namespace

Optimizer::Optimizer(const OptimizerSpec& spec) {
  momentum_ = number_or(spec.params, "momentum", 0);
  rule_ = rule_of(spec, momentum_);
  learning_rate_ = number_or(spec.params, "learning_rate", spec.name == "sgd" ? 0.01 : 0.001);
  rho_ = number_or(spec.params, "rho", 0.9);
  epsilon_ = number_or(spec.params, "epsilon", 1e-7);
  beta1_ = number_or(spec.params, "beta_1", 0.9);
  beta2_ = number_or(spec.params, "beta_2", 0.999);
  clip_norm_ = number_or(spec.params, "clip_norm", 0);
}

int Optimizer::state_slots() const {
  switch (rule_) {
    case UpdateRule::sgd:
      return 0;
    case UpdateRule::sgd_momentum:
    case UpdateRule::sgd_nesterov:
    case UpdateRule::rmsprop:
      return 1;
    case UpdateRule::rmsprop_momentum:
    case UpdateRule::adam:
      return 2;
  }
  return 0;
}

math::UpdateConstants Optimizer::constants(std::uint64_t step) const {
  const auto t = static_cast<double>(step);
  math::UpdateConstants c;
  c.learning_rate = static_cast<float>(learning_rate_);
  c.momentum = static_cast<float>(momentum_);
  c.rho = static_cast<float>(rho_);
  c.one_minus_rho = static_cast<float>(1.0 - rho_);
  c.epsilon = static_cast<float>(epsilon_);
  c.one_minus_beta1 = static_cast<float>(1.0 - beta1_);
  c.one_minus_beta2 = static_cast<float>(1.0 - beta2_);
  c.adam_rate = static_cast<float>(learning_rate_ * std::sqrt(1.0 - std::pow(beta2_, t)) / (1.0 - std::pow(beta1_, t)));
  return c;
}

}  // namespace millrace::nn
