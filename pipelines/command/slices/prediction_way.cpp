// The nodes that are put in have names that no config can have.
#include "prediction_way.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr const char* kFile = "(file)";
constexpr const char* kOut = "out";

OutputName file_rows() { return {kFile, kOut}; }

DocNode text_node(const std::string& text, const Location& where) {
  DocNode node;
  node.kind = DocNode::Kind::scalar;
  node.text = text;
  node.quoted = true;
  node.where = where;
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

// Numbers of classes mean what the column that they were made from says, and a file says nothing of that.
void require_no_names(const ModelRows& way, const std::string& file) {
  if (way.rows.class_names.empty()) return;
  const OutputName& source = way.source;
  throw Error(
      ErrorKind::data, "wrong-rows",
      fmt::format("{}: has numbers, `{}.{}` gives names of classes ({}): which number means which cannot be told", file,
                  source.node, source.port, fmt::join(way.rows.class_names.list(), ", ")),
      "bring the names into a graph of your own, with `table_source`, `saved_model` and `predictor`");
}

void require_same_rows(const ModelRows& way, const std::string& file, const TensorSpec& found) {
  const TensorSpec& wanted = way.rows;
  if (found.dtype == wanted.dtype && found.row_shape == wanted.row_shape) return require_no_names(way, file);
  throw Error(ErrorKind::data, "wrong-rows",
              fmt::format("{}: has rows of {}, the run takes {}, as `{}.{}` gives them", file, rows_text(found),
                          rows_text(wanted), way.source.node, way.source.port),
              conversion(wanted));
}

// What trains a model may be distorted on its way; a prediction would then depend on where in its file a row stands.
void require_nothing_random(const ModelRows& way) {
  for (const RowNode& node : way.nodes)
    if (!node.node->seeds.empty())
      throw Error(ErrorKind::usage, "random-rows",
                  fmt::format("node `{}` changes the rows of `{}` at random, and the run has no evaluator whose rows "
                              "are prepared without it",
                              node.node->name, way.trainer),
                  "add an evaluator with validation data to the config, or write a graph of your own with "
                  "`saved_model` and `predictor`");
}

}  // namespace

// Layers and loss as the config has them.
NodeSpec model_node(const CheckedConfig& checked, const std::string& trainer, const std::string& checkpoint) {
  NodeSpec node = added_node(kModelNode, "saved_model", "RUN", checkpoint);
  set(node, "file", text_node(checkpoint, node.where));
  if (!trainer.empty()) set(node, "node", text_node(trainer, node.where));
  for (const NodeSpec& spec : checked.spec.nodes)
    for (const char* param : {"model", "loss"})
      if (const DocMember* value = spec.name == trainer ? spec.with.find(param) : nullptr; value != nullptr)
        set(node, param, value->value);
  return node;
}

std::vector<NodeSpec> predicting_nodes(const CheckedConfig& checked, const ModelRows& way,
                                       const std::string& checkpoint) {
  NodeSpec predictor = predictor_node(checked.spec, way);
  predictor.in.push_back({"model", kModelNode, "model", predictor.where, predictor.where});
  return {model_node(checked, way.trainer, checkpoint), std::move(predictor)};
}

ValidatedGraph prediction_slice(const CheckedConfig& checked, const ModelRows& way, const std::string& checkpoint,
                                const std::string& file, Diagnostics& diagnostics) {
  require_nothing_random(way);
  const ValidatedGraph alone = file_alone(checked, file, diagnostics);
  if (diagnostics.has_errors()) return {};
  require_same_rows(way, file, alone.nodes.front().find_output(kOut)->only());
  SliceRequest request{.captured = {predictions()}, .added = predicting_nodes(checked, way, checkpoint)};
  request.added.insert(request.added.begin(), file_node(file));
  request.fed = {{way.source, file_rows()}};
  GraphSpec spec = cut_slice(checked.spec, checked.graph, checked.registry, request);
  spec.epochs = 1;
  return check_slice(spec, checked.graph, checked.registry, diagnostics);
}

}  // namespace millrace::pipelines
