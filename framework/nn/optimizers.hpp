// The optimizers, one struct each, with all that there is to say of one. The descriptor with its help and defaults, the memory of
// its state, the CPU's loop and the kernel of a GPU derive from the list `Optimizers`.
//
// An optimizer has parameters, and rules of which they choose one: the first that serves them. A rule has the values that it keeps
// beside each weight (kState), coefficients that are rounded to float32 once a step (at), and a formula that moves one weight by
// its gradient (apply).
#pragma once

#include "type_list.hpp"

#include <millrace/detail/host_device.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace::nn {

/// A value that a rule keeps beside each weight.
struct StateSlot {
  const char* name;
  const char* starts_at = nullptr;  ///< the parameter that holds its first value; null: 0
};

/// A parameter: what its descriptor says, as data that device code can carry along.
struct OptimizerParam {
  /// above_zero, not_negative, share (in [0, 1)): kept as float32. exact_share: in full precision. flag: 0 or 1.
  enum class Range : std::uint8_t { above_zero, not_negative, share, exact_share, flag };
  const char* name;
  Range range;
  double default_value;
  const char* doc;  ///< one sentence
};

/// Values of an optimizer's parameters, by name, in full precision.
class OptimizerValues {
 public:
  void set(const char* name, double value) { values_.emplace_back(name, value); }
  /// Another value for one that has been set.
  void replace(std::string_view name, double value) {
    std::find_if(values_.begin(), values_.end(), [&](const auto& v) { return v.first == name; })->second = value;
  }
  /// Of a parameter that has been set.
  double operator[](std::string_view name) const {
    return std::find_if(values_.begin(), values_.end(), [&](const auto& v) { return v.first == name; })->second;
  }
  /// As a coefficient.
  float f32(std::string_view name) const { return static_cast<float>((*this)[name]); }
  /// 1 - value, rounded once.
  float one_minus(std::string_view name) const { return static_cast<float>(1.0 - (*this)[name]); }

 private:
  std::vector<std::pair<std::string_view, double>> values_;
};

// --- parameters that several optimizers have ---------------------------------------------------------------------------

constexpr OptimizerParam learning_rate(double value) {
  return {"learning_rate", OptimizerParam::Range::above_zero, value,
          "Size of a step."};  // Optimizer scales it by its name
}
constexpr OptimizerParam momentum() {
  return {"momentum", OptimizerParam::Range::share, 0, "Share of the last step that is kept in the next."};
}
constexpr OptimizerParam epsilon(const char* doc) { return {"epsilon", OptimizerParam::Range::above_zero, 1e-7, doc}; }

// --- the optimizers ----------------------------------------------------------------------------------------------------

/// Source: Keras's SGD: velocity = momentum * velocity - learning_rate * g.
struct Sgd {
  static constexpr const char* kName = "sgd";
  static constexpr const char* kDoc = "Plain gradient descent, with momentum if wanted.";
  static constexpr std::array kParams{
      learning_rate(0.01), momentum(),
      OptimizerParam{"nesterov", OptimizerParam::Range::flag, 0, "Looks ahead along the momentum."}};

  struct Plain {
    static constexpr std::array<StateSlot, 0> kState{};
    static bool serves(const OptimizerValues& p) { return p["momentum"] == 0; }
    static Plain at(const OptimizerValues& p, std::uint64_t /*step*/) { return {p.f32("learning_rate")}; }
    MILLRACE_HOST_DEVICE void apply(float& w, float g) const { w -= learning_rate * g; }
    float learning_rate;
  };

  struct Momentum {
    static constexpr std::array<StateSlot, 1> kState{{{"velocity"}}};
    static bool serves(const OptimizerValues& p) { return p["nesterov"] == 0; }
    static Momentum at(const OptimizerValues& p, std::uint64_t /*step*/) {
      return {p.f32("learning_rate"), p.f32("momentum")};
    }
    MILLRACE_HOST_DEVICE void apply(float& w, float g, float& velocity) const {
      velocity = momentum * velocity - learning_rate * g;
      w += velocity;
    }
    float learning_rate, momentum;
  };

  struct Nesterov : Momentum {
    static bool serves(const OptimizerValues& /*p*/) { return true; }
    static Nesterov at(const OptimizerValues& p, std::uint64_t step) { return {Momentum::at(p, step)}; }
    MILLRACE_HOST_DEVICE void apply(float& w, float g, float& velocity) const {
      velocity = momentum * velocity - learning_rate * g;
      w += momentum * velocity - learning_rate * g;
    }
  };

  using Rules = TypeList<Plain, Momentum, Nesterov>;
};

/// Source: Tieleman and Hinton, Coursera lecture 6.5 (2012), in Keras's form: epsilon stands inside the root.
struct RmsProp {
  static constexpr const char* kName = "rmsprop";
  static constexpr const char* kDoc =
      "Divides each step by a running root mean square of the gradient, in Keras's form.";
  static constexpr std::array kParams{
      learning_rate(0.001), OptimizerParam{"rho", OptimizerParam::Range::share, 0.9, "Decay of the mean square."},
      momentum(), epsilon("Added to the mean square before the root.")};

  struct Plain {
    static constexpr std::array<StateSlot, 1> kState{{{"mean_square"}}};
    static bool serves(const OptimizerValues& p) { return p["momentum"] == 0; }
    static Plain at(const OptimizerValues& p, std::uint64_t /*step*/) {
      return {p.f32("learning_rate"), p.f32("rho"), p.one_minus("rho"), p.f32("epsilon")};
    }
    MILLRACE_HOST_DEVICE float increment(float g, float& mean_square) const {
      mean_square = rho * mean_square + one_minus_rho * (g * g);
      return learning_rate * g / std::sqrt(mean_square + epsilon);
    }
    MILLRACE_HOST_DEVICE void apply(float& w, float g, float& mean_square) const { w -= increment(g, mean_square); }
    float learning_rate, rho, one_minus_rho, epsilon;
  };

  struct Momentum : Plain {
    static constexpr std::array<StateSlot, 2> kState{{{"mean_square"}, {"velocity"}}};
    static bool serves(const OptimizerValues& /*p*/) { return true; }
    static Momentum at(const OptimizerValues& p, std::uint64_t step) { return {Plain::at(p, step), p.f32("momentum")}; }
    MILLRACE_HOST_DEVICE void apply(float& w, float g, float& mean_square, float& velocity) const {
      velocity = momentum * velocity + increment(g, mean_square);
      w -= velocity;
    }
    float momentum;
  };

  using Rules = TypeList<Plain, Momentum>;
};

/// Source: Kingma and Ba, "Adam", ICLR 2015, end of section 2: the bias correction sits in the rate.
struct Adam {
  static constexpr const char* kName = "adam";
  static constexpr const char* kDoc = "Running mean of the gradient over its running root mean square.";
  static constexpr std::array kParams{
      learning_rate(0.001), OptimizerParam{"beta_1", OptimizerParam::Range::exact_share, 0.9, "Decay of the mean."},
      OptimizerParam{"beta_2", OptimizerParam::Range::exact_share, 0.999, "Decay of the mean square."},
      epsilon("Added to the root mean square.")};

  struct Rule {
    static constexpr std::array<StateSlot, 2> kState{{{"mean"}, {"mean_square"}}};
    static bool serves(const OptimizerValues& /*p*/) { return true; }
    static Rule at(const OptimizerValues& p, std::uint64_t step) {
      return {rate_at(p, static_cast<double>(step)), p.one_minus("beta_1"), p.one_minus("beta_2"), p.f32("epsilon")};
    }
    MILLRACE_HOST_DEVICE void apply(float& w, float g, float& mean, float& mean_square) const {
      mean += (g - mean) * one_minus_beta1;
      mean_square += (g * g - mean_square) * one_minus_beta2;
      w -= mean * rate / (std::sqrt(mean_square) + epsilon);
    }
    static float rate_at(const OptimizerValues& p, double t) {
      const double beta1 = p["beta_1"], beta2 = p["beta_2"];
      return static_cast<float>(p["learning_rate"] * std::sqrt(1.0 - std::pow(beta2, t)) / (1.0 - std::pow(beta1, t)));
    }
    float rate, one_minus_beta1, one_minus_beta2, epsilon;
  };

  using Rules = TypeList<Rule>;
};

/// Source: Duchi, Hazan, Singer, "Adaptive Subgradient Methods", JMLR 12 (2011), in Keras's form: the sum of squares starts above
/// 0, and epsilon stands inside the root.
struct Adagrad {
  static constexpr const char* kName = "adagrad";
  static constexpr const char* kDoc = "Divides each step by the root of all squared gradients so far, in Keras's form.";
  static constexpr std::array kParams{learning_rate(0.001),
                                      OptimizerParam{"initial_accumulator_value", OptimizerParam::Range::not_negative,
                                                     0.1, "Where the sum of squares starts."},
                                      epsilon("Added to the sum of squares before the root.")};

  struct Rule {
    static constexpr std::array<StateSlot, 1> kState{{{"accumulator", "initial_accumulator_value"}}};
    static bool serves(const OptimizerValues& /*p*/) { return true; }
    static Rule at(const OptimizerValues& p, std::uint64_t /*step*/) {
      return {p.f32("learning_rate"), p.f32("epsilon")};
    }
    MILLRACE_HOST_DEVICE void apply(float& w, float g, float& accumulator) const {
      accumulator += g * g;
      w -= learning_rate * g / std::sqrt(accumulator + epsilon);
    }
    float learning_rate, epsilon;
  };

  using Rules = TypeList<Rule>;
};

/// In the order in which they are shown.
using Optimizers = TypeList<Sgd, RmsProp, Adam, Adagrad>;

// --- a rule that is known at run time ----------------------------------------------------------------------------------

template <class... Each>
auto rules_of(TypeList<Each...>) -> decltype(joined(typename Each::Rules()...));
/// All rules of all optimizers.
using UpdateRules = decltype(rules_of(Optimizers()));

/// A rule by its place in UpdateRules.
enum class UpdateRule : std::uint8_t {};

/// f(Tag<R>) for the struct of a rule.
template <class F>
MILLRACE_HOST_DEVICE constexpr decltype(auto) visit(UpdateRule rule, F&& f) {
  return visit_at(static_cast<std::size_t>(rule), UpdateRules(), f);
}

template <class... Rules>
constexpr std::size_t most_floats(TypeList<Rules...> /*rules*/) {
  return std::max({sizeof(Rules)...}) / sizeof(float);
}
template <class... Rules>
constexpr std::size_t most_slots(TypeList<Rules...> /*rules*/) {
  return std::max({Rules::kState.size()...});
}
/// The most values that any rule keeps beside a weight.
inline constexpr std::size_t kMostStateSlots = most_slots(UpdateRules());

/// The coefficients of a step, of whichever rule: what travels to a device.
struct Coefficients {
  float values[most_floats(UpdateRules())] = {};

  template <class Rule>
  static Coefficients of(const Rule& rule) {
    const auto packed = std::bit_cast<Packed<Rule>>(rule);
    Coefficients all;
    for (std::size_t i = 0; i < kFloats<Rule>; ++i) all.values[i] = packed.values[i];
    return all;
  }
  /// The rule that they are of.
  template <class Rule>
  MILLRACE_HOST_DEVICE Rule as() const {
    Packed<Rule> packed;
    for (std::size_t i = 0; i < kFloats<Rule>; ++i) packed.values[i] = values[i];
    return std::bit_cast<Rule>(packed);
  }

 private:
  template <class Rule>
  static constexpr std::size_t kFloats = sizeof(Rule) / sizeof(float);
  template <class Rule>
  struct Packed {
    float values[kFloats<Rule>];
  };
};

}  // namespace millrace::nn
