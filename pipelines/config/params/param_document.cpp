// Walks the descriptor beside the document, and writes each default where the document leaves the parameter out.
#include "param_document.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

void add_defaults_inside(DocNode& node, const ParamType& type, const Location& where) {
  if (type.kind() == ParamType::Kind::list && node.is_list())
    for (DocNode& item : node.items) add_defaults_inside(item, type.element(), where);
  if (type.kind() == ParamType::Kind::map && node.is_map())
    for (DocMember& member : node.members) add_defaults_inside(member.value, type.element(), where);
  if (type.kind() == ParamType::Kind::record) add_defaults(node, type.params(), where);
  if (type.kind() != ParamType::Kind::one_of) return;
  for (const Alternative& alternative : type.alternatives()) {
    if (node.is_scalar() && node.text == alternative.name) {
      const Location key_where = node.where;
      node = DocNode{DocNode::Kind::map, {}, false, key_where, {}, {}};
      node.members.push_back({alternative.name, key_where, {}});
    }
    if (!node.is_map() || node.members.size() != 1 || node.members.front().key != alternative.name) continue;
    add_defaults(node.members.front().value, alternative.params, where);
  }
}

}  // namespace

DocNode document_of(const ParamValue& value, const Location& where) {
  DocNode node;
  node.where = where;
  if (value.is_null()) return node;
  if (value.is_list()) {
    node.kind = DocNode::Kind::list;
    for (const ParamValue& item : value.list()) node.items.push_back(document_of(item, where));
  } else if (value.is_map()) {
    node.kind = DocNode::Kind::map;
    for (const auto& [key, member] : value.map()) node.members.push_back({key, where, document_of(member, where)});
  } else {
    node.kind = DocNode::Kind::scalar;
    node.quoted = value.is_text();
    node.text = value.is_text() ? value.text() : value.render();
  }
  return node;
}

void add_defaults(DocNode& map, const std::vector<Param>& params, const Location& where) {
  if (map.is_null()) {
    map.kind = DocNode::Kind::map;
    if (!map.where.source) map.where = where;
  }
  if (!map.is_map()) return;
  for (const Param& param : params) {
    if (map.find(param.name) == nullptr && param.default_value)
      map.members.push_back({param.name, where, document_of(*param.default_value, where)});
    if (DocMember* member = map.find(param.name)) add_defaults_inside(member->value, param.type, where);
  }
}

}  // namespace millrace::pipelines
