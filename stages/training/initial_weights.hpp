// A trainer that begins with the weights of a file, layer by layer, in place of those that its seed gives.
#pragma once

#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <string>

namespace millrace::stages {

/// Looks at the file's header. Warns of layers that it does not have as the model has them (init-partial); where it has none, that is an error (init-unfit).
void infer_initial_weights(const std::string& file, const ModelSpec& model, InferContext& ctx);

/// Throws what read_layers throws, about the parameter `init_from`.
void load_initial_weights(const std::string& file, const ModelSpec& model, TrainStep& step);

}  // namespace millrace::stages
