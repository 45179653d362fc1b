// What the end needs of a record is cut as every slice is; the nodes on the way are then those of the slice, one behind the other.
#include "model_rows.hpp"

#include "diagnostics/suggestions.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kPredictions = "(predictions)";
constexpr const char* kInputs = "inputs";

[[noreturn]] void fail(const char* name, std::string message, std::string help) {
  throw Error(ErrorKind::usage, name, std::move(message), std::move(help));
}

template <class Nodes>
auto& node_called(Nodes& nodes, const std::string& name) {
  return *std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.name == name; });
}

bool takes_model_of(const ValidatedGraph& graph, const ValidatedNode& node, const ValidatedNode& trainer) {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
    return &graph.nodes[edge.from_node] == &trainer && graph.spec_of(edge).kind == PortKind::model;
  });
}

const ValidatedNode& end_of_way(const ValidatedGraph& graph, const ValidatedNode& trainer) {
  const auto evaluator = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const ValidatedNode& node) {
    return !node.is_test && graph.is_evaluator(node) && takes_model_of(graph, node, trainer);
  });
  return evaluator == graph.nodes.end() ? trainer : *evaluator;
}

std::vector<std::string> other_evaluators(const ValidatedGraph& graph, const ValidatedNode& trainer,
                                          const std::string& end) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes)
    if (!node.is_test && graph.is_evaluator(node) && takes_model_of(graph, node, trainer) && node.name != end)
      names.push_back(node.name);
  return names;
}

const ValidatedEdge& data_of(const ValidatedGraph& graph, const ValidatedNode& node) {
  const auto edge = std::find_if(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& input) {
    return graph.spec_of(input).kind == PortKind::data && graph.spec_of(input).find(kInputs) != nullptr;
  });
  if (edge == node.inputs.end())
    fail("no-way", fmt::format("node `{}` takes no record with a field `{}`", node.name, kInputs),
         "only models whose data come so can predict");
  return *edge;
}

ClassNames classes_at(const PortSpec& data) {
  const TensorSpec* const targets = data.find("targets");
  return targets == nullptr ? ClassNames() : targets->class_names;
}

/// A port with one tensor carries it whatever it is called there.
const TensorSpec& tensor_at(const ValidatedGraph& graph, const OutputName& output) {
  const PortSpec& port = *node_called(graph.nodes, output.node).find_output(output.port);
  const TensorSpec* const named = port.find(kInputs);
  return named != nullptr ? *named : port.only();
}

[[noreturn]] void fail_with(const std::vector<OutputName>& outputs, const ModelRows& rows) {
  std::vector<std::string> names;
  for (const OutputName& output : outputs) names.push_back(fmt::format("{}.{}", output.node, output.port));
  fail("no-way",
       fmt::format("the inputs of `{}` come from {}: one file cannot stand for {}", rows.trainer,
                   names.empty() ? "no source" : fmt::format("{}", fmt::join(names, " and ")),
                   names.empty() ? "it" : "all of them"),
       "bring the rows into a graph of your own, with `saved_model` and `predictor`");
}

/// Both names of the one output that a node of the slice takes data from.
OutputName taken_by(const NodeSpec& node, const ModelRows& rows) {
  if (node.in.size() != 1)
    fail("no-way", fmt::format("node `{}` makes the inputs of `{}` of several inputs", node.name, rows.trainer),
         "bring the rows into a graph of your own, with `saved_model` and `predictor`");
  return {node.in.front().from_node, node.in.front().from_port};
}

void follow(const WholeGraph& whole, ModelRows& rows) {
  const GraphSpec slice = cut_slice(whole.spec, whole.graph, whole.registry,
                                    {.captured = {predictions()}, .added = {predictor_node(whole.spec, rows)}});
  const std::vector<OutputName> sources = source_outputs(slice, whole.registry);
  if (sources.size() != 1) fail_with(sources, rows);
  rows.source = sources.front();
  rows.rows = tensor_at(whole.graph, rows.source);
  for (OutputName at = rows.data; at.node != rows.source.node;) {
    const OutputName from = taken_by(node_called(slice.nodes, at.node), rows);
    rows.nodes.push_back(
        {&node_called(whole.graph.nodes, at.node), tensor_at(whole.graph, from), tensor_at(whole.graph, at)});
    at = from;
  }
  std::reverse(rows.nodes.begin(), rows.nodes.end());
}

/// What the last node that cuts batches is told; a port says less where its rows are fewer.
void set_batch_rows(ModelRows& rows) {
  for (const RowNode& node : rows.nodes)
    if (const std::string& param = node.node->info->spec.batch_rows_param(); !param.empty())
      rows.batch_rows = node.node->params[param].integer();
}

void set_model(const ValidatedNode& trainer, ModelRows& rows) {
  if (const PortSpec* const port = trainer.model_output()) {
    rows.model = port->model;
    rows.loss = port->loss;
  }
  if (!rows.model) fail("no-way", fmt::format("node `{}` does not say which model it trains", trainer.name), "");
}

/// Without the way to it.
ModelRows end_of_rows(const WholeGraph& whole, const ValidatedNode& learns) {
  const ValidatedNode& end = end_of_way(whole.graph, learns);
  const ValidatedEdge& data = data_of(whole.graph, end);
  const PortSpec& port = whole.graph.spec_of(data);
  ModelRows rows;
  rows.trainer = learns.name;
  rows.end = end.name;
  rows.other_ends = other_evaluators(whole.graph, learns, end.name);
  rows.data = {whole.graph.nodes[data.from_node].name, data.from_port};
  rows.batch_rows = std::max<std::int64_t>(1, port.max_rows);
  rows.classes = classes_at(port);
  set_model(learns, rows);
  return rows;
}

// One that has none keeps its end alone.
void follow_if_any(const WholeGraph& whole, ModelRows& rows) {
  ModelRows followed = rows;
  try {
    follow(whole, followed);
  } catch (const Error&) {
    return;
  }
  rows = std::move(followed);
}

}  // namespace

std::vector<std::string> trainers_of(const ValidatedGraph& graph) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes)
    if (graph.is_trainer(node)) names.push_back(node.name);
  return names;
}

const ValidatedNode& trainer_of(const ValidatedGraph& graph, const std::string& wanted) {
  const std::vector<std::string> names = trainers_of(graph);
  if (names.empty()) fail("no-model", "the run trains no model", "name a run of a config with a trainer");
  if (wanted.empty() && names.size() > 1)
    fail("several-models", fmt::format("the run trains {} models: {}", names.size(), fmt::join(names, ", ")),
         fmt::format("say which one: --model {}", names.front()));
  const std::string& name = wanted.empty() ? names.front() : wanted;
  if (std::find(names.begin(), names.end(), name) == names.end())
    fail("unknown-model", fmt::format("the run trains no model `{}`", name), did_you_mean(name, names, "models"));
  return node_called(graph.nodes, name);
}

ModelRows model_rows(const WholeGraph& whole, const std::string& trainer) {
  ModelRows rows = end_of_rows(whole, trainer_of(whole.graph, trainer));
  follow(whole, rows);
  set_batch_rows(rows);
  return rows;
}

std::vector<ModelRows> rows_of_each_model(const WholeGraph& whole) {
  std::vector<ModelRows> all;
  for (const ValidatedNode& node : whole.graph.nodes) {
    if (!whole.graph.is_trainer(node)) continue;
    try {
      ModelRows rows = end_of_rows(whole, node);
      follow_if_any(whole, rows);
      all.push_back(std::move(rows));
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it has none
    }
  }
  return all;
}

ClassNames class_names(const WholeGraph& whole, const std::string& trainer) {
  return classes_at(
      whole.graph.spec_of(data_of(whole.graph, end_of_way(whole.graph, trainer_of(whole.graph, trainer)))));
}

OutputName predictions() { return {kPredictions, "out"}; }

NodeSpec predictor_node(const GraphSpec& spec, const ModelRows& rows) {
  NodeSpec node = added_node(kPredictions, "predictor", "RUN", rows.trainer);
  node.in.push_back({"data", rows.data.node, rows.data.port, node.where, node.where});
  for (const NodeSpec& one : spec.nodes)
    if (const DocMember* value = one.name == rows.end ? one.with.find("precision") : nullptr; value != nullptr)
      node.with.members.push_back({"precision", node.where, value->value});
  return node;
}

NodeSpec added_node(const std::string& name, const std::string& stage, const std::string& argument,
                    const std::string& text) {
  NodeSpec node;
  node.name = name;
  node.stage = stage;
  const auto source =
      std::make_shared<const SourceText>(SourceText{fmt::format("command line, {}", argument), text, true});
  node.where = node.stage_where = node.in_where = {source, 1, 1, static_cast<int>(text.size())};
  node.with.kind = DocNode::Kind::map;
  node.with.where = node.where;
  return node;
}

}  // namespace millrace::pipelines
