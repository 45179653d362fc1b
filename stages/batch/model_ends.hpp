// What both ends of a model must be like: its last layer for a loss, and its widths for the rows that it is given.
#pragma once

#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <string>

namespace millrace::stages {

/// Reports Error("loss-needs-activation") at the parameter `loss`, where the gradient is that of a pair and the last layer, at
/// parameter `last_path`, is another one.
void check_loss(const ModelSpec& model, Loss loss, const std::string& last_path, InferContext& ctx);
/// Reports Error("shape-mismatch") at the input `data`, whose field `field` meets the model's `end`: "inputs", "outputs".
void check_width(const TensorSpec& spec, const char* field, std::int64_t width, const char* end, InferContext& ctx);

}  // namespace millrace::stages
