// From the model backward: each step goes to the node that gives the field, and there to the input that it is made of.
#include "input_path.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kInputs = "inputs";

// A port with one tensor carries it whatever it is called there.
const TensorSpec& tensor_of(const PortSpec& port, const std::string& field) {
  const TensorSpec* const named = port.find(field);
  return named != nullptr ? *named : port.only();
}

bool is_data(const ValidatedGraph& graph, const ValidatedEdge& edge) {
  return graph.spec_of(edge).kind == PortKind::data;
}

const ValidatedEdge& data_edge(const ValidatedGraph& graph, const ValidatedNode& node) {
  return *std::find_if(node.inputs.begin(), node.inputs.end(),
                       [&](const ValidatedEdge& edge) { return is_data(graph, edge); });
}

// The only input, or the one that the field is called after, as a batcher's are.
const ValidatedEdge& edge_of_field(const ValidatedNode& node, const std::string& field) {
  if (node.inputs.size() == 1) return node.inputs.front();
  const auto named = std::find_if(node.inputs.begin(), node.inputs.end(),
                                  [&](const ValidatedEdge& edge) { return edge.port == field; });
  if (named != node.inputs.end()) return *named;
  throw Error(ErrorKind::config, "export-stage",
              fmt::format("node `{}` (stage `{}`) makes the model's inputs of several inputs, which has no ONNX form",
                          node.name, node.info->name),
              "--without-preprocessing exports the model alone, which takes float32 rows");
}

bool measures(const ValidatedGraph& graph, const ValidatedNode& node, const ValidatedNode& trainer) {
  return graph.is_evaluator(node) &&
         std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
           return graph.spec_of(edge).kind == PortKind::model && &graph.nodes[edge.from_node] == &trainer;
         });
}

const ValidatedNode& end_of_path(const ValidatedGraph& graph, const ValidatedNode& trainer) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(),
                                  [&](const ValidatedNode& node) { return measures(graph, node, trainer); });
  return found != graph.nodes.end() ? *found : trainer;
}

}  // namespace

const ValidatedNode& trainer_called(const ValidatedGraph& graph, const std::string& name) {
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(),
                       [&](const ValidatedNode& node) { return node.name == name; });
}

InputPath input_path(const ValidatedGraph& graph, const ValidatedNode& trainer) {
  InputPath path;
  std::string field = kInputs;
  const ValidatedEdge* edge = &data_edge(graph, end_of_path(graph, trainer));
  for (;;) {
    const ValidatedNode& node = graph.nodes[edge->from_node];
    const TensorSpec& out = tensor_of(graph.spec_of(*edge), field);
    if (node.inputs.empty()) {
      path.source = edge->from_port;
      path.rows = out;
      std::reverse(path.steps.begin(), path.steps.end());
      return path;
    }
    edge = &edge_of_field(node, field);
    path.steps.push_back({&node, tensor_of(graph.spec_of(*edge), field), out});
  }
}

}  // namespace millrace::pipelines
