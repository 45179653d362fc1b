// A node is walked through again when more of its fields turn out to be wanted.
#include "slice_cutter.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

/// Whether the node does nothing but bring its inputs together as fields of one record, row by row.
bool gathers_fields(const StageDescriptor& spec) {
  return spec.any_input() != nullptr && !spec.batch_rows_param().empty();
}

bool is_data(const ValidatedGraph& whole, const ValidatedEdge& edge) {
  return whole.spec_of(edge).kind == PortKind::data;
}

}  // namespace

SliceCutter::SliceCutter(const GraphSpec& spec, const ValidatedGraph& whole, const StageRegistry& registry,
                         const SliceRequest& request)
    : spec_(spec), whole_(whole), registry_(registry), request_(request) {}

std::vector<NodeSpec> SliceCutter::cut() {
  for (const OutputName& output : request_.captured) want(output, std::nullopt);
  std::vector<NodeSpec> nodes;
  for (const auto* list : {&spec_.nodes, &request_.added})
    for (const NodeSpec& node : *list) {
      const auto fields = wanted_.find(node.name);
      if (fields == wanted_.end()) continue;
      NodeSpec part = node;
      part.in = edges_of(node);
      std::erase_if(part.in, [&](const EdgeSpec& edge) { return is_left_out(node, edge.port, fields->second); });
      for (EdgeSpec& edge : part.in) {
        const OutputName from = fed({edge.from_node, edge.from_port});
        edge.from_node = from.node;
        edge.from_port = from.port;
      }
      part.is_captured = is_captured(node.name);
      nodes.push_back(std::move(part));
    }
  return nodes;
}

void SliceCutter::want(const OutputName& output, const Fields& fields) {
  const NodeSpec* const node = find(output.node);
  if (node == nullptr)
    throw Error(ErrorKind::run, "no-such-port", fmt::format("no node `{}` to take a slice of", output.node));
  const auto [place, is_new] = wanted_.emplace(output.node, fields);
  if (is_new) return follow(*node, fields);
  if (!place->second) return;
  const Fields before = place->second;
  if (fields)
    place->second->insert(fields->begin(), fields->end());
  else
    place->second.reset();
  if (place->second != before) follow(*node, Fields(place->second));
}

void SliceCutter::follow(const NodeSpec& node, const Fields& fields) {
  for (const EdgeSpec& edge : edges_of(node))
    if (!is_left_out(node, edge.port, fields))
      want(fed({edge.from_node, edge.from_port}), fields_of(node, edge.port, fields));
}

std::vector<EdgeSpec> SliceCutter::edges_of(const NodeSpec& node) const {
  std::vector<EdgeSpec> edges = node.in;
  const ValidatedNode* const known = checked(node.name);
  if (known == nullptr) return edges;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    edges[i].port = known->inputs[i].port;
    edges[i].from_node = whole_.nodes[known->inputs[i].from_node].name;
    edges[i].from_port = known->inputs[i].from_port;
  }
  return edges;
}

bool SliceCutter::is_left_out(const NodeSpec& node, const std::string& port, const Fields& fields) const {
  const ValidatedNode* const known = checked(node.name);
  return known != nullptr && fields && gathers_fields(known->info->spec) && !fields->contains(port);
}

SliceCutter::Fields SliceCutter::fields_of(const NodeSpec& node, const std::string& port, const Fields& fields) const {
  if (const ValidatedNode* const known = checked(node.name); known != nullptr) {
    const auto inputs = std::count_if(known->inputs.begin(), known->inputs.end(),
                                      [&](const ValidatedEdge& edge) { return is_data(whole_, edge); });
    return known->info->spec.does_copy_to_device() && inputs == 1 ? fields : std::nullopt;
  }
  const StageInfo* const info = registry_.find(node.stage);
  const PortDecl* const decl = info == nullptr ? nullptr : info->spec.find_input(port);
  if (decl == nullptr || !decl->is_record || !decl->record.takes_others) return std::nullopt;
  std::set<std::string> names;
  for (const RecordType::Field& field : decl->record.fields) names.insert(field.name);
  return names;
}

OutputName SliceCutter::fed(const OutputName& output) const {
  for (const FedOutput& feed : request_.fed)
    if (feed.output == output) return feed.by;
  return output;
}

const NodeSpec* SliceCutter::find(const std::string& name) const {
  for (const auto* list : {&spec_.nodes, &request_.added})
    for (const NodeSpec& node : *list)
      if (node.name == name) return &node;
  return nullptr;
}

const ValidatedNode* SliceCutter::checked(const std::string& name) const {
  const auto node =
      std::find_if(whole_.nodes.begin(), whole_.nodes.end(), [&](const ValidatedNode& n) { return n.name == name; });
  return node == whole_.nodes.end() ? nullptr : &*node;
}

bool SliceCutter::is_captured(const std::string& name) const {
  return std::any_of(request_.captured.begin(), request_.captured.end(),
                     [&](const OutputName& output) { return output.node == name; });
}

}  // namespace millrace::pipelines
