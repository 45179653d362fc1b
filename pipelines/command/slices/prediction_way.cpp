// The nodes that are put in have names that no config can have.
#include "prediction_way.hpp"

#include "diagnostics/suggestions.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr const char* kFile = "(file)";
constexpr const char* kModel = "(model)";
constexpr const char* kPredictions = "(predictions)";
constexpr const char* kInputs = "inputs";
constexpr const char* kOut = "out";

OutputName file_rows() { return {kFile, kOut}; }

[[noreturn]] void fail(const char* name, std::string message, std::string help) {
  throw Error(ErrorKind::usage, name, std::move(message), std::move(help));
}

const ValidatedNode& node_of(const ValidatedGraph& graph, const std::string& name) {
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(),
                       [&](const ValidatedNode& node) { return node.name == name; });
}

const ValidatedNode& trainer_of(const ValidatedGraph& graph, const std::string& wanted) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes)
    if (graph.is_trainer(node)) names.push_back(node.name);
  if (names.empty()) fail("no-model", "the run trains no model", "name a run of a config with a trainer");
  if (wanted.empty() && names.size() > 1)
    fail("several-models", fmt::format("the run trains {} models: {}", names.size(), fmt::join(names, ", ")),
         fmt::format("say which one: --model {}", names.front()));
  const std::string& name = wanted.empty() ? names.front() : wanted;
  if (std::find(names.begin(), names.end(), name) == names.end())
    fail("unknown-model", fmt::format("the run trains no model `{}`", name), did_you_mean(name, names, "models"));
  return node_of(graph, name);
}

bool takes_model_of(const ValidatedGraph& graph, const ValidatedNode& node, const ValidatedNode& trainer) {
  return std::any_of(node.inputs.begin(), node.inputs.end(), [&](const ValidatedEdge& edge) {
    return &graph.nodes[edge.from_node] == &trainer && graph.spec_of(edge).kind == PortKind::model;
  });
}

const ValidatedNode& end_of_way(const ValidatedGraph& graph, const ValidatedNode& trainer) {
  const auto evaluator = std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const ValidatedNode& node) {
    return graph.is_evaluator(node) && takes_model_of(graph, node, trainer);
  });
  return evaluator == graph.nodes.end() ? trainer : *evaluator;
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

DocNode text_node(const std::string& text, const Location& where) {
  DocNode node;
  node.kind = DocNode::Kind::scalar;
  node.text = text;
  node.quoted = true;
  node.where = where;
  return node;
}

/// A node that `text` of the command line has brought in, so that its errors point there.
NodeSpec added_node(const char* name, const char* stage, const char* argument, const std::string& text) {
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

void set(NodeSpec& node, const char* param, DocNode value) {
  node.with.members.push_back({param, node.where, std::move(value)});
}

NodeSpec file_node(const std::string& file) {
  NodeSpec node = added_node(kFile, "row_file", "FILE", file);
  set(node, "file", text_node(file, node.where));
  return node;
}

/// Layers and loss as the config has them.
NodeSpec model_node(const CheckedConfig& checked, const std::string& trainer, const std::string& checkpoint) {
  NodeSpec node = added_node(kModel, "saved_model", "RUN", checkpoint);
  set(node, "file", text_node(checkpoint, node.where));
  if (!trainer.empty()) set(node, "node", text_node(trainer, node.where));
  for (const NodeSpec& spec : checked.spec.nodes)
    for (const char* param : {"model", "loss"})
      if (const DocMember* value = spec.name == trainer ? spec.with.find(param) : nullptr; value != nullptr)
        set(node, param, value->value);
  return node;
}

NodeSpec predictor_node(const CheckedConfig& checked, const PredictionWay& way) {
  NodeSpec node = added_node(kPredictions, "predictor", "RUN", way.trainer);
  node.in.push_back({"data", way.data.node, way.data.port, node.where, node.where});
  node.in.push_back({"model", kModel, "model", node.where, node.where});
  for (const NodeSpec& spec : checked.spec.nodes)
    if (const DocMember* value = spec.name == way.end ? spec.with.find("precision") : nullptr; value != nullptr)
      set(node, "precision", value->value);
  return node;
}

SliceRequest request_for(const CheckedConfig& checked, const PredictionWay& way, const std::string& checkpoint) {
  return {.captured = {predictions()}, .added = predicting_nodes(checked, way, checkpoint)};
}

/// The outputs of sources that the rows come from.
std::vector<OutputName> sources_of(const CheckedConfig& checked, const PredictionWay& way) {
  const GraphSpec slice = cut_slice(checked.spec, checked.graph, checked.registry, request_for(checked, way, ""));
  std::vector<OutputName> outputs = source_outputs(slice, checked.registry);
  std::erase_if(outputs, [](const OutputName& output) { return output.node == kModel; });
  return outputs;
}

/// The only one of them.
OutputName source_of(const CheckedConfig& checked, const PredictionWay& way) {
  const std::vector<OutputName> outputs = sources_of(checked, way);
  if (outputs.size() == 1) return outputs.front();
  std::vector<std::string> names;
  for (const OutputName& output : outputs) names.push_back(fmt::format("{}.{}", output.node, output.port));
  fail("no-way",
       fmt::format("the inputs of `{}` come from {}: one file cannot stand for {}", way.trainer,
                   names.empty() ? "no source" : fmt::format("{}", fmt::join(names, " and ")),
                   names.empty() ? "it" : "all of them"),
       "bring the rows into a graph of your own, with `saved_model` and `predictor`");
}

ValidatedGraph file_alone(const CheckedConfig& checked, const std::string& file, Diagnostics& diagnostics) {
  const GraphSpec spec =
      cut_slice(checked.spec, checked.graph, checked.registry, {.captured = {file_rows()}, .added = {file_node(file)}});
  return check_slice(spec, checked.graph, checked.registry, diagnostics);
}

std::string rows_text(const TensorSpec& spec) {
  return fmt::format("{} {}", to_string(spec.dtype), to_string(spec.row_shape));
}

std::string conversion(const TensorSpec& wanted) {
  constexpr std::array kNames{"uint8", "int8", "int16", "int32", "float32", "float64"};
  const std::string shape = wanted.row_shape.empty() ? "" : fmt::format(", {}", fmt::join(wanted.row_shape, ", "));
  return fmt::format("in numpy: numpy.save(FILE, array.astype(numpy.{}).reshape(-1{}))",
                     kNames.at(static_cast<std::size_t>(wanted.dtype)), shape);
}

void require_same_rows(const CheckedConfig& checked, const PredictionWay& way, const std::string& file,
                       const TensorSpec& found) {
  const TensorSpec& wanted = node_of(checked.graph, way.source.node).find_output(way.source.port)->only();
  if (found.dtype == wanted.dtype && found.row_shape == wanted.row_shape) return;
  throw Error(ErrorKind::data, "wrong-rows",
              fmt::format("{}: has rows of {}, the run takes {}, as `{}.{}` gives them", file, rows_text(found),
                          rows_text(wanted), way.source.node, way.source.port),
              conversion(wanted));
}

/// Without the source.
PredictionWay way_of(const ValidatedGraph& graph, const ValidatedNode& learns) {
  const ValidatedNode& end = end_of_way(graph, learns);
  const ValidatedEdge& data = data_of(graph, end);
  PredictionWay way;
  way.end = end.name;
  way.trainer = learns.name;
  way.data = {graph.nodes[data.from_node].name, data.from_port};
  if (const TensorSpec* targets = graph.spec_of(data).find("targets"); targets != nullptr)
    way.classes = targets->class_names;
  for (const auto& [name, spec] : learns.outputs)
    if (spec.model) {
      way.model = spec.model;
      way.loss = spec.loss;
    }
  if (!way.model) fail("no-way", fmt::format("node `{}` does not say which model it trains", way.trainer), "");
  return way;
}

}  // namespace

OutputName predictions() { return {kPredictions, kOut}; }

std::vector<NodeSpec> predicting_nodes(const CheckedConfig& checked, const PredictionWay& way,
                                       const std::string& checkpoint) {
  return {model_node(checked, way.trainer, checkpoint), predictor_node(checked, way)};
}

PredictionWay prediction_way(const CheckedConfig& checked, const std::string& trainer) {
  PredictionWay way = way_of(checked.graph, trainer_of(checked.graph, trainer));
  way.source = source_of(checked, way);
  return way;
}

std::vector<PredictionWay> prediction_ways(const CheckedConfig& checked) {
  std::vector<PredictionWay> ways;
  for (const ValidatedNode& node : checked.graph.nodes) {
    if (!checked.graph.is_trainer(node)) continue;
    try {
      PredictionWay way = way_of(checked.graph, node);
      if (const std::vector<OutputName> outputs = sources_of(checked, way); outputs.size() == 1)
        way.source = outputs.front();
      ways.push_back(std::move(way));
    } catch (const Error&) {  // NOLINT(bugprone-empty-catch): it has none
    }
  }
  return ways;
}

ValidatedGraph prediction_slice(const CheckedConfig& checked, const PredictionWay& way, const std::string& checkpoint,
                                const std::string& file, Diagnostics& diagnostics) {
  const ValidatedGraph alone = file_alone(checked, file, diagnostics);
  if (diagnostics.has_errors()) return {};
  require_same_rows(checked, way, file, alone.nodes.front().find_output(kOut)->only());
  SliceRequest request = request_for(checked, way, checkpoint);
  request.added.insert(request.added.begin(), file_node(file));
  request.fed = {{way.source, file_rows()}};
  GraphSpec spec = cut_slice(checked.spec, checked.graph, checked.registry, request);
  spec.epochs = 1;
  return check_slice(spec, checked.graph, checked.registry, diagnostics);
}

}  // namespace millrace::pipelines
