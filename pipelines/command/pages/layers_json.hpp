// The layers of a model as JSON, in a plan and in a run's result alike.
#pragma once

#include <millrace/model.hpp>

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

/// [{"layer", "outputs", "activation", "parameters"}, ...].
nlohmann::ordered_json layers_json(const ModelSpec& model);

}  // namespace millrace::pipelines
