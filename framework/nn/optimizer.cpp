// Optimizer: from the descriptor's values to a rule and its coefficients.
#include "optimizer.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <iterator>
#include <span>
#include <string>
#include <string_view>

namespace millrace::nn {
namespace {

std::string names() {
  std::string all;
  for_each_type(Optimizers(), [&](auto tag) {
    using O = typename decltype(tag)::Type;
    all += (all.empty() ? "" : ", ") + std::string(O::kName);
  });
  return all;
}

const ParamValue* given(const OptimizerSpec& spec, std::string_view name) {
  const ParamValue* value = spec.params.is_map() ? spec.params.find(name) : nullptr;
  return value && !value->is_null() ? value : nullptr;
}

constexpr std::string_view kLearningRate = "learning_rate";

double number_of(const ParamValue& value) {
  if (value.is_boolean()) return value.boolean() ? 1 : 0;
  return value.number();
}

/// What the spec says, and the default of what it leaves out.
OptimizerValues values_of(const OptimizerSpec& spec, std::span<const OptimizerParam> params) {
  OptimizerValues values;
  for (const OptimizerParam& param : params) {
    const ParamValue* value = given(spec, param.name);
    values.set(param.name, value ? number_of(*value) : param.default_value);
  }
  return values;
}

/// The place of an optimizer's first rule that serves the parameters, among its own.
template <class... Rules>
std::size_t serving(const OptimizerValues& values, TypeList<Rules...> /*rules*/) {
  const bool serves[] = {Rules::serves(values)...};
  return static_cast<std::size_t>(std::find(std::begin(serves), std::end(serves), true) - std::begin(serves));
}

}  // namespace

Optimizer::Optimizer(const OptimizerSpec& spec) {
  bool is_known = false;
  std::size_t first = 0;  // rule of the optimizer that is looked at
  for_each_type(Optimizers(), [&](auto tag) {
    using O = typename decltype(tag)::Type;
    if (spec.name == O::kName) {
      is_known = true;
      values_ = values_of(spec, O::kParams);
      rule_ = static_cast<UpdateRule>(first + serving(values_, typename O::Rules()));
    }
    first += O::Rules::kSize;
  });
  if (!is_known)
    throw Error(ErrorKind::run, "unknown-optimizer", "there is no optimizer `" + spec.name + "`",
                "use one of: " + names());
  learning_rate_ = values_[kLearningRate];
  if (const ParamValue* norm = given(spec, "clip_norm")) clip_norm_ = norm->number();
}

void Optimizer::scale_learning_rate(double factor) { values_.replace(kLearningRate, learning_rate_ * factor); }

std::vector<float> Optimizer::initial_state() const {
  std::vector<float> values;
  visit(rule_, [&](auto tag) {
    for (const StateSlot& slot : decltype(tag)::Type::kState)
      values.push_back(slot.starts_at ? values_.f32(slot.starts_at) : 0.0F);
  });
  return values;
}

std::vector<std::string> Optimizer::slot_names() const {
  std::vector<std::string> names;
  visit(rule_, [&](auto tag) {
    for (const StateSlot& slot : decltype(tag)::Type::kState) names.emplace_back(slot.name);
  });
  return names;
}

Coefficients Optimizer::coefficients(std::uint64_t step) const {
  return visit(rule_, [&](auto tag) { return Coefficients::of(decltype(tag)::Type::at(values_, step)); });
}

}  // namespace millrace::nn

std::vector<std::string> millrace::optimizer_slots(const OptimizerSpec& spec) {
  return nn::Optimizer(spec).slot_names();
}
