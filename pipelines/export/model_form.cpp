// Weights keep their names and shapes of a checkpoint, so Gemm takes the other side of a matrix. Dropout does nothing in use and is left out.
#include "model_form.hpp"

#include "stage_forms.hpp"

#include <millrace/files/model_weights.hpp>

#include <fmt/format.h>

#include <cstddef>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kInputs = "inputs";

const char* op_of(Activation activation) {
  switch (activation) {
    case Activation::relu:
      return "Relu";
    case Activation::sigmoid:
      return "Sigmoid";
    case Activation::tanh:
      return "Tanh";
    case Activation::softmax:
      return "Softmax";
    case Activation::linear:
      break;
  }
  return "Identity";
}

const char* output_name(const ModelSpec& model) {
  return gives_probabilities(model.layers.back().activation) ? kProbabilities : kOutput;
}

// A column of a table may be called as an output is.
std::string input_name(const InputPath& path) {
  const bool is_taken = path.source == kProbabilities || path.source == kClass || path.source == kOutput;
  return is_taken ? kInputs : path.source;
}

/// Names of the weights, in the order of the layers.
std::vector<std::string> add_weights(const ModelSnapshot& model, OnnxGraph& graph) {
  std::vector<std::string> names;
  for_each_weight(model, [&](const SafetensorsTensor& tensor) {
    names.push_back(graph.add_constant({tensor.name,
                                        OnnxType::f32,
                                        tensor.shape,
                                        {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()}}));
  });
  return names;
}

std::string add_activation(Activation activation, const std::string& sums, const std::string& name, OnnxGraph& graph) {
  if (activation == Activation::softmax) return graph.add("Softmax", {sums}, name, {{"axis", 1}});
  return graph.add(op_of(activation), {sums}, name);
}

// The last layer gives the output whatever its activation is, by Identity where there is none.
void add_layers(const ModelSpec& model, const std::vector<std::string>& weights, std::string value, OnnxGraph& graph) {
  std::size_t weight = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerSpec& layer = model.layers[i];
    if (layer.kind == LayerKind::dropout) continue;
    std::vector<std::string> inputs{value, weights[weight++]};
    if (layer.use_bias) inputs.push_back(weights[weight++]);
    value = graph.add("Gemm", std::move(inputs), fmt::format("layer{}/sums", i), {{"transB", 1}});
    const bool is_last = i + 1 == model.layers.size();
    if (is_last || layer.activation != Activation::linear)
      value = add_activation(layer.activation, value, is_last ? output_name(model) : fmt::format("layer{}/values", i),
                             graph);
  }
}

void add_outputs(const ModelSpec& model, OnnxGraph& graph) {
  const std::string output = output_name(model);
  graph.outputs.push_back({output, OnnxType::f32, {model.outputs()}});
  if (model.layers.back().activation != Activation::softmax) return;
  graph.add("ArgMax", {output}, kClass, {{"axis", 1}, {"keepdims", 0}});
  graph.outputs.push_back({kClass, OnnxType::i64, {}});
}

std::string add_rows(const ModelSpec& model, const InputPath* path, OnnxGraph& graph) {
  if (path == nullptr) {
    graph.inputs.push_back({kInputs, OnnxType::f32, {model.inputs}});
    return kInputs;
  }
  std::string value = input_name(*path);
  graph.inputs.push_back({value, onnx_type(path->rows.dtype), path->rows.row_shape});
  for (const PathStep& step : path->steps) value = add_step(step, value, graph);
  const DType last = path->steps.empty() ? path->rows.dtype : path->steps.back().out.dtype;
  if (last == DType::f32) return value;
  return graph.add("Cast", {value}, "model/float32", {{"to", static_cast<std::int64_t>(OnnxType::f32)}});
}

}  // namespace

OnnxGraph onnx_graph_of(const ModelSnapshot& model, const InputPath* path) {
  OnnxGraph graph;
  const std::string value = add_rows(model.model(), path, graph);
  add_layers(model.model(), add_weights(model, graph), value, graph);
  add_outputs(model.model(), graph);
  return graph;
}

}  // namespace millrace::pipelines
