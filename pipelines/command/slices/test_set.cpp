// The ports of the test set are those that the check has kept apart from what a history shows.
#include "test_set.hpp"

#include "prediction_way.hpp"
#include "slice/training_part.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace millrace::pipelines {
namespace {

constexpr const char* kSeconds = "seconds";  // how long it took is no result

const ValidatedNode& node_called(const ValidatedGraph& graph, const std::string& name) {
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(),
                       [&](const ValidatedNode& node) { return node.name == name; });
}

/// Which nodes an output of `name` depends on, itself among them.
std::vector<bool> nodes_before(const ValidatedGraph& graph, const std::string& name) {
  std::vector<bool> wanted(graph.nodes.size());
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {  // who takes stands behind who gives
    wanted[i] = wanted[i] || graph.nodes[i].name == name;
    if (!wanted[i]) continue;
    for (const ValidatedEdge& edge : graph.nodes[i].inputs) wanted[edge.from_node] = true;
  }
  return wanted;
}

bool tests_a_model(const ValidatedGraph& graph, const ValidatedNode& node) {
  return node.is_test && std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
           return graph.spec_of(edge).kind == PortKind::model;
         });
}

std::string model_name(const std::string& trainer) { return fmt::format("(model of {})", trainer); }

/// Outputs of trainers whose models evaluators of the test take.
std::vector<OutputName> tested_models(const ValidatedGraph& graph) {
  std::vector<OutputName> models;
  for (const ReportedPort& port : graph.tested)
    for (const ValidatedEdge& edge : node_called(graph, port.node).inputs) {
      const OutputName model{graph.nodes[edge.from_node].name, edge.from_port};
      const bool is_trained =
          graph.spec_of(edge).kind == PortKind::model && graph.is_trainer(graph.nodes[edge.from_node]);
      if (is_trained && std::find(models.begin(), models.end(), model) == models.end()) models.push_back(model);
    }
  return models;
}

SliceRequest request_for(const CheckedConfig& checked, const std::string& checkpoint) {
  SliceRequest request;
  for (const ReportedPort& port : checked.graph.tested) {
    const OutputName output{port.node, port.port};
    if (std::find(request.captured.begin(), request.captured.end(), output) == request.captured.end())
      request.captured.push_back(output);
  }
  for (const OutputName& model : tested_models(checked.graph)) {
    NodeSpec node = model_node(checked, model.node, checkpoint);
    node.name = model_name(model.node);
    request.fed.push_back({model, {node.name, "model"}});
    request.added.push_back(std::move(node));
  }
  return request;
}

}  // namespace

void require_no_test_of_model(const ValidatedGraph& graph, const OutputName& output) {
  const std::vector<bool> before = nodes_before(graph, output.node);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (before[i] && tests_a_model(graph, graph.nodes[i]))
      throw Error(ErrorKind::usage, "test-set-used",
                  fmt::format("`{}.{}` tells how a model does on the test set, and this look would be written down "
                              "nowhere: node `{}` takes a model and rows with `role: test`",
                              output.node, output.port, graph.nodes[i].name),
                  "`pipeline-run test RUN` evaluates the test set and writes the look down; rows, and what is made of "
                  "them without a model, may be seen here");
}

bool is_for_test_alone(const CheckedConfig& checked, const OutputName& output) {
  const GraphSpec part = training_part(checked.spec, checked.graph);
  return std::none_of(part.nodes.begin(), part.nodes.end(),
                      [&](const NodeSpec& node) { return node.name == output.node; });
}

void require_test_set(const CheckedConfig& checked, const std::string& run) {
  if (!checked.graph.tested.empty()) return;
  throw Error(
      ErrorKind::config, "no-test-set",
      fmt::format("run `{}` has no test set: no source of its config has `role: test`", run),
      "write one into the config and train again: `final: {stage: idx_loader, role: test, with: {...}}`, prepared "
      "as the validation is, with an evaluator of its own; mnist_mlp_3way is such a config");
}

std::vector<std::string> tested_trainers(const CheckedConfig& checked) {
  std::vector<std::string> names;
  for (const OutputName& model : tested_models(checked.graph)) names.push_back(model.node);
  return names;
}

ValidatedGraph test_slice(const CheckedConfig& checked, const std::string& checkpoint, Diagnostics& diagnostics) {
  GraphSpec spec = cut_slice(checked.spec, checked.graph, checked.registry, request_for(checked, checkpoint));
  spec.epochs = 1;
  return check_slice(spec, checked.graph, checked.registry, diagnostics);
}

std::vector<Capture> test_captures(const CheckedConfig& checked, TestValues& values) {
  std::vector<Capture> captures;
  const auto mutex = std::make_shared<std::mutex>();  // evaluators end side by side
  for (const ReportedPort& port : checked.graph.tested)
    captures.push_back({port.node, port.port, [&values, mutex, prefix = port.prefix](const CapturedPacket& captured) {
                          const std::lock_guard lock(*mutex);
                          for (const auto& [name, value] : captured.packet.metrics->values)
                            if (name != kSeconds) values.emplace_back(prefix + name, value);
                          return true;
                        }});
  return captures;
}

}  // namespace millrace::pipelines
