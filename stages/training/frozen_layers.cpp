// A number may be that of an activation or a dropout: torch counts them too, and they have nothing to freeze.
#include "frozen_layers.hpp"

#include <millrace/files/model_weights.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace millrace::stages {
namespace {

constexpr const char* kParam = "freeze";

std::string layers_with_weights(const ModelSpec& model, const std::vector<std::size_t>& modules) {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < modules.size(); ++i)
    if (model.layers[i].parameters() > 0)
      all.push_back(
          fmt::format("{} ({} {}, `model.{}`)", modules[i], model.layers[i].name(), model.layers[i].outputs, i));
  return fmt::format("layers with weights, by their numbers in a checkpoint: {}", fmt::join(all, ", "));
}

/// As many modules as the model has; the last layer's activation is one.
std::size_t modules_of(const ModelSpec& model, const std::vector<std::size_t>& modules) {
  return modules.back() + (model.layers.back().activation == Activation::linear ? 1 : 2);
}

}  // namespace

Param freeze_param() {
  return Param(kParam, ParamType::list(ParamType::integer().at_least(0)),
               "Layers whose weights stay as they begin, by their numbers in a checkpoint: 0 for `0.weight`.")
      .or_default(ParamValue::List{});
}

void freeze_layers(const ParamValue& freeze, ModelSpec& model, InferContext& ctx) {
  if (freeze.list().empty() || model.layers.empty()) return;
  const std::vector<std::size_t> modules = module_numbers(model);
  const std::string there_are = layers_with_weights(model, modules);
  for (std::size_t i = 0; i < freeze.list().size(); ++i) {
    const auto number = static_cast<std::size_t>(freeze.list()[i].integer());
    const ErrorSite site = ErrorSite::param(fmt::format("{}.{}", kParam, i));
    const auto layer = std::find(modules.begin(), modules.end(), number);
    if (number >= modules_of(model, modules))
      ctx.error(site, "unknown-layer", fmt::format("the model has no layer {}", number), there_are);
    else if (layer == modules.end() ||
             model.layers[static_cast<std::size_t>(layer - modules.begin())].parameters() == 0)
      ctx.warn(site, "freeze-no-weights", fmt::format("{} is an activation or a dropout and has no weights", number),
               there_are);
    else
      model.layers[static_cast<std::size_t>(layer - modules.begin())].is_frozen = true;
  }
  if (model.trainable_parameters() == 0)
    ctx.error(ErrorSite::param(kParam), "all-frozen", "every layer is frozen, so that nothing would be trained",
              "leave one out; a model that is only measured comes from `saved_model`");
}

}  // namespace millrace::stages
