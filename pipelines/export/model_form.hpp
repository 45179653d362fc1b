// A model in ONNX's terms, with the preparation of its rows in front of it or without.
#pragma once

#include "onnx_graph.hpp"
#include "row_form.hpp"

#include <millrace/model.hpp>

namespace millrace::pipelines {

/// What such a graph's outputs are called. `probabilities` where the last activation gives them, `class` beside them where they are of classes;
/// `output` for anything else.
inline constexpr const char* kProbabilities = "probabilities";
inline constexpr const char* kClass = "class";
inline constexpr const char* kOutput = "output";

/// `rows` may be null: the model alone, whose input `inputs` is float32 [N, I].
OnnxGraph onnx_graph_of(const ModelSnapshot& model, const RowForm* rows);

}  // namespace millrace::pipelines
