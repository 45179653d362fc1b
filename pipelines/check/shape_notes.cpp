// Follows a field upstream as long as its shape stays the same: the node where that ends has set it.
#include "shape_notes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

class ShapeOrigin {
 public:
  ShapeOrigin(const CheckedGraph& checked, const ValidatedGraph& graph, const std::vector<std::size_t>& positions)
      : checked_(checked), graph_(graph), positions_(positions) {}

  // Upstream as long as the shape of the field stays the same.
  const CheckedNode& setter(std::size_t node, const RowShape& shape, const std::string& field) const {
    for (const CheckedEdge& edge : checked_.nodes[node].inputs) {
      const PortSpec* spec = spec_of(edge);
      if (spec == nullptr) continue;
      const bool is_the_field = edge.port == field && spec->fields.size() == 1;  // a port that became a field
      const TensorSpec* same = is_the_field ? &spec->fields.front().spec : spec->find(field);
      if (same != nullptr && same->row_shape == shape)
        return setter(edge.from, shape, is_the_field ? spec->fields.front().name : field);
    }
    return checked_.nodes[node];
  }

  const PortSpec* spec_of(const CheckedEdge& edge) const {
    return graph_.nodes[positions_[edge.from]].find_output(edge.from_port);
  }

 private:
  const CheckedGraph& checked_;
  const ValidatedGraph& graph_;
  const std::vector<std::size_t>& positions_;
};

}  // namespace

std::vector<std::string> shape_notes(const CheckedGraph& checked, const ValidatedGraph& graph,
                                     const std::vector<std::size_t>& positions, const CheckedNode& node,
                                     const NotedInput& input, const std::string& message) {
  std::vector<std::string> notes;
  const ShapeOrigin origin(checked, graph, positions);
  for (const CheckedEdge& edge : node.inputs) {
    const PortSpec* spec = edge.port == input.port ? origin.spec_of(edge) : nullptr;
    if (spec == nullptr) continue;
    const auto is_named = [&](const PortSpec::FieldSpec& field) {
      return message.find(fmt::format("`{}`", field.name)) != std::string::npos;
    };
    const bool names_some = std::any_of(spec->fields.begin(), spec->fields.end(), is_named);
    if (!names_some && !input.is_to_blame && spec->fields.size() > 1) continue;
    for (const PortSpec::FieldSpec& field : spec->fields) {
      if (names_some && !is_named(field)) continue;
      const NodeSpec& setter = *origin.setter(edge.from, field.spec.row_shape, field.name).spec;
      const std::string of = field.name == kValueField ? std::string() : fmt::format("`{}` of ", field.name);
      notes.push_back(fmt::format("{}`{}.{}` is {}, as node `{}` ({}) gives it at {}", of, node.spec->name, input.port,
                                  field.spec.describe(), setter.name, setter.stage, place_text(setter.where)));
    }
  }
  return notes;
}

}  // namespace millrace::pipelines
