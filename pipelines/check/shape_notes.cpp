// Follows a field upstream as long as its shape stays the same: the node where that ends has set it.
//
// One walk upstream looks at each edge at most once, and a batch may have as many fields as edges: walks are limited in number.
#include "shape_notes.hpp"

#include "diagnostics/diagnostics.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

using FieldSpec = PortSpec::FieldSpec;

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

// Those that the message names; where it names none, all if the input is to blame or has one field.
std::vector<const FieldSpec*> fields_meant(const PortSpec& spec, bool is_to_blame, const std::string& message) {
  std::vector<const FieldSpec*> all, named;
  for (const FieldSpec& field : spec.fields) {
    all.push_back(&field);
    if (message.find(fmt::format("`{}`", field.name)) != std::string::npos) named.push_back(&field);
  }
  if (!named.empty()) return named;
  return is_to_blame || all.size() == 1 ? all : std::vector<const FieldSpec*>();
}

std::string note_of(const FieldSpec& field, const CheckedNode& node, const CheckedEdge& edge,
                    const ShapeOrigin& origin) {
  const NodeSpec& setter = *origin.setter(edge.from, field.spec.row_shape, field.name).spec;
  const std::string of = field.name == kValueField ? std::string() : fmt::format("`{}` of ", field.name);
  return fmt::format("{}`{}.{}` is {}, as node `{}` ({}) gives it at {}", of, node.spec->name, edge.port,
                     field.spec.describe(), setter.name, setter.stage, place_text(setter.where));
}

}  // namespace

// A parameter that does not fit its data is as much an error of the edge as one that names the input. Of a batch with several
// fields it is one only of those that the message names.
std::vector<std::string> ShapeNotes::notes_for(const CheckedNode& node, const ErrorSite& site,
                                               const std::string& message) {
  if (++asked_ > kMostShownErrors) return {};
  const ShapeOrigin origin(checked_, graph_, positions_);
  const bool is_to_blame = site.what == ErrorSite::What::input;
  std::vector<std::string> notes;
  std::size_t meant = 0;
  for (const CheckedEdge& edge : node.inputs) {
    if (edge.kind != PortKind::data || (is_to_blame && edge.port != site.path)) continue;
    const PortSpec* spec = origin.spec_of(edge);
    if (spec == nullptr) continue;
    for (const FieldSpec* field : fields_meant(*spec, is_to_blame, message))
      if (++meant <= kMostNotedFields) notes.push_back(note_of(*field, node, edge, origin));
  }
  if (meant > notes.size()) notes.push_back(fmt::format("and {} more", meant - notes.size()));
  return notes;
}

}  // namespace millrace::pipelines
