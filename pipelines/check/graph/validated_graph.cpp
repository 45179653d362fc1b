// Lookups by name and by path of a parameter, and the roles that follow from kind and ports: a trainer gives a model that it makes of rows, an
// evaluator takes one and gives metrics.
#include "validated_graph.hpp"

#include <algorithm>

namespace millrace::pipelines {

const PortSpec* ValidatedNode::model_output() const {
  const auto found = std::find_if(outputs.begin(), outputs.end(),
                                  [](const auto& output) { return output.second.kind == PortKind::model; });
  return found == outputs.end() ? nullptr : &found->second;
}

const PortSpec* ValidatedNode::find_output(std::string_view port) const {
  if (output_places.size() == outputs.size()) {
    const auto place = output_places.find(std::string(port));
    return place == output_places.end() ? nullptr : &outputs[place->second].second;
  }
  const auto it = std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return o.first == port; });
  return it == outputs.end() ? nullptr : &it->second;
}

void ValidatedNode::set_output(std::string_view output, PortSpec spec) {
  const std::string port(output);
  if (const auto place = output_places.find(port); place != output_places.end()) {
    outputs.erase(outputs.begin() + static_cast<std::ptrdiff_t>(place->second));
    output_places.clear();
    for (std::size_t i = 0; i < outputs.size(); ++i) output_places.emplace(outputs[i].first, i);
  }
  output_places.emplace(port, outputs.size());
  outputs.emplace_back(port, std::move(spec));
}

bool ValidatedNode::may_drop_rows() const {
  if (info->kind != StageKind::serial || !info->spec.batch_rows_param().empty()) return false;
  return std::any_of(outputs.begin(), outputs.end(),
                     [](const auto& output) { return output.second.kind == PortKind::data; });
}

void ValidatedNode::clear_outputs() {
  outputs.clear();
  output_places.clear();
}

const Location& ValidatedNode::place_of_param(std::string_view path) const {
  const ParamPlace* closest = nullptr;
  for (const ParamPlace& place : param_places) {
    const bool is_within = path == place.path || path.starts_with(place.path + ".");
    if (is_within && (closest == nullptr || place.path.size() > closest->path.size())) closest = &place;
  }
  return closest == nullptr ? where : closest->where;
}

namespace {

bool takes_model(const ValidatedGraph& graph, const ValidatedNode& node) {
  return std::any_of(node.inputs.begin(), node.inputs.end(),
                     [&](const ValidatedEdge& edge) { return graph.spec_of(edge).kind == PortKind::model; });
}

bool gives(PortKind kind, const ValidatedNode& node) {
  return std::any_of(node.outputs.begin(), node.outputs.end(),
                     [&](const auto& output) { return output.second.kind == kind; });
}

}  // namespace

std::int64_t block_rows(const ValidatedNode& node) {
  std::int64_t rows = 0;
  for (const auto& [name, port] : node.outputs) rows = std::max(rows, port.max_rows);
  return rows;
}

std::size_t block_bytes(const ValidatedNode& node) {
  std::size_t bytes = 0;
  for (const auto& [name, port] : node.outputs)
    for (const PortSpec::FieldSpec& field : port.fields)
      bytes += field.spec.stored_row_bytes() * static_cast<std::size_t>(std::max<std::int64_t>(port.max_rows, 0));
  return bytes;
}

bool ValidatedGraph::is_trainer(const ValidatedNode& node) const {
  return node.info->kind != StageKind::source && gives(PortKind::model, node) && !takes_model(*this, node);
}
bool ValidatedGraph::is_evaluator(const ValidatedNode& node) const {
  return takes_model(*this, node) && gives(PortKind::metrics, node) && !gives(PortKind::model, node);
}

std::size_t communicating_nodes(const ValidatedGraph& graph) {
  return static_cast<std::size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(), [](const ValidatedNode& node) {
    return node.info->spec.does_communicate();
  }));
}

std::vector<std::string> node_names(const ValidatedGraph& graph) {
  std::vector<std::string> names;
  for (const ValidatedNode& node : graph.nodes) names.push_back(node.name);
  return names;
}

}  // namespace millrace::pipelines
