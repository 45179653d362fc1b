// Weights keep their names and shapes of a checkpoint, so Gemm takes the other side of a matrix. Dropout does nothing in use and is left out.
#include "model_form.hpp"

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
// Weights, and what the nodes between give, have a point or a slash in their names.
std::string input_name(const RowForm& rows) {
  const bool is_taken = rows.source == kProbabilities || rows.source == kClass || rows.source == kOutput ||
                        rows.source.find_first_of("./") != std::string::npos;
  return is_taken ? kInputs : rows.source;
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

/// What is added for a step: an operator, and what its constant and its value are called.
struct StepNames {
  const char *op, *constant, *value;
};

StepNames names_of(RowOp op) {
  switch (op) {
    case RowOp::multiply:
      return {"Mul", "scale", "scaled"};
    case RowOp::add:
      return {"Add", "offset", "moved"};
    case RowOp::subtract:
      return {"Sub", "mean", "centered"};
    case RowOp::divide:
      return {"Div", "std", "divided"};
    case RowOp::convert:
      break;
  }
  return {"Cast", "", ""};
}

const char* converted_name(DType from, DType to) {
  if (to == DType::f64) return "float64";
  return from == DType::f64 ? "rounded" : "float32";
}

/// Values have the node's name in front. `type` is that of `value`, and then of what is returned.
std::string add_step(const RowStep& step, const std::string& node, const std::string& value, DType& type,
                     OnnxGraph& graph) {
  const auto named = [&](const char* part) { return node + "/" + part; };
  if (step.op == RowOp::convert) {
    const char* const name = converted_name(std::exchange(type, step.to), step.to);
    return graph.add("Cast", {value}, named(name), {{"to", static_cast<std::int64_t>(onnx_type(step.to))}});
  }
  const StepNames names = names_of(step.op);
  const std::string constant = type == DType::f64
                                   ? graph.add_scalar(named(names.constant), step.operand)
                                   : graph.add_scalar(named(names.constant), static_cast<float>(step.operand));
  return graph.add(names.op, {value, constant}, named(names.value));
}

std::string add_rows(const ModelSpec& model, const RowForm* rows, OnnxGraph& graph) {
  if (rows == nullptr) {
    graph.inputs.push_back({kInputs, OnnxType::f32, {model.inputs}});
    return kInputs;
  }
  std::string value = input_name(*rows);
  DType type = rows->rows.dtype;
  graph.inputs.push_back({value, onnx_type(type), rows->rows.row_shape});
  for (const NodeForm& node : rows->nodes) {
    if (node.flattens) value = graph.add("Flatten", {value}, node.node + "/rows", {{"axis", 1}});
    for (const RowStep& step : node.steps) value = add_step(step, node.node, value, type, graph);
  }
  if (type == DType::f32) return value;
  return graph.add("Cast", {value}, "model/float32", {{"to", static_cast<std::int64_t>(OnnxType::f32)}});
}

}  // namespace

OnnxGraph onnx_graph_of(const ModelSnapshot& model, const RowForm* rows) {
  OnnxGraph graph;
  const std::string value = add_rows(model.model(), rows, graph);
  add_layers(model.model(), add_weights(model, graph), value, graph);
  add_outputs(model.model(), graph);
  return graph;
}

}  // namespace millrace::pipelines
