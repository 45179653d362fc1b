// Descriptors of layers, losses, metrics and optimizers: what a config may say about a model, declared once.
#include "initializers.hpp"
#include "losses.hpp"
#include "metrics.hpp"
#include "optimizers.hpp"

#include <millrace/model.hpp>

#include <string>
#include <utility>
#include <vector>

namespace millrace {
namespace {

using Map = ParamValue::Map;

ParamValue alternative(const char* name, Map params = {}) { return Map{{name, ParamValue(std::move(params))}}; }

template <class Types>
std::vector<std::string> names_of(Types types) {
  std::vector<std::string> names;
  nn::for_each_type(types, [&](auto tag) { names.emplace_back(decltype(tag)::Type::kName); });
  return names;
}

Alternative dense() {
  return {
      "dense",
      "Every output is a weighted sum of all inputs, then the activation.",
      {Param("units", ParamType::integer().at_least(1).at_most(1 << 20), "Number of outputs."),
       Param("activation", ParamType::choice(names_of(nn::Activations())), "Function applied to the pre-activations.")
           .or_default("linear"),
       Param("use_bias", ParamType::boolean(), "Adds a trained constant to every output.").or_default(true),
       Param("kernel_initializer", nn::initializer_param_type(), "Where the weights start.")
           .or_default(alternative("glorot_uniform")),
       Param("bias_initializer", nn::initializer_param_type(), "Where the biases start.")
           .or_default(alternative("zeros")),
       Param("l2", ParamType::float32().at_least(0), "Adds l2 * sum(weights^2) to the loss; biases are left out.")
           .or_default(0.0)}};
}

Alternative dropout() {
  return {"dropout",
          "Sets a random share of the values to zero while training and scales up the others.",
          {Param("rate", ParamType::float32().at_least(0).below(1), "Share of the values that is set to zero.")}};
}

Param clip_norm() {
  return Param("clip_norm", ParamType::float32().above(0),
               "Scales the gradient of all weights down to this Euclidean norm when it is larger.")
      .optional();
}

Param described(const nn::OptimizerParam& param) {
  using Range = nn::OptimizerParam::Range;
  switch (param.range) {
    case Range::above_zero:
      return Param(param.name, ParamType::float32().above(0), param.doc).or_default(param.default_value);
    case Range::not_negative:
      return Param(param.name, ParamType::float32().at_least(0), param.doc).or_default(param.default_value);
    case Range::share:
      return Param(param.name, ParamType::float32().at_least(0).below(1), param.doc).or_default(param.default_value);
    case Range::exact_share:
      return Param(param.name, ParamType::number().at_least(0).below(1), param.doc).or_default(param.default_value);
    case Range::flag:
      break;
  }
  return Param(param.name, ParamType::boolean(), param.doc).or_default(param.default_value != 0);
}

/// Each with its own parameters and that which all have.
std::vector<Alternative> optimizers() {
  std::vector<Alternative> all;
  nn::for_each_type(nn::Optimizers(), [&](auto tag) {
    using Optimizer = typename decltype(tag)::Type;
    all.push_back({Optimizer::kName, Optimizer::kDoc, {}});
    for (const nn::OptimizerParam& param : Optimizer::kParams) all.back().params.push_back(described(param));
    all.back().params.push_back(clip_norm());
  });
  return all;
}

}  // namespace

ParamType model_param_type() { return ParamType::list(ParamType::one_of({dense(), dropout()})).length(1, 1000); }

ParamType optimizer_param_type() { return ParamType::one_of(optimizers()); }

ParamType loss_param_type() { return ParamType::choice(names_of(nn::Losses())); }

ParamType precision_param_type() { return ParamType::choice({"float32", "tf32", "bf16"}); }

std::vector<std::string> metric_names() { return names_of(nn::RowMetrics()); }

ParamType metric_param_type() { return ParamType::choice(metric_names()); }

ParamValue default_optimizer() {
  Map defaults;
  for (const Alternative& optimizer : optimizers())
    if (optimizer.name == nn::RmsProp::kName)
      for (const Param& param : optimizer.params)
        defaults.emplace_back(param.name, param.default_value.value_or(ParamValue()));
  return alternative(nn::RmsProp::kName, std::move(defaults));
}

}  // namespace millrace
