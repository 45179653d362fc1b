#include "document_layers.hpp"

#include <algorithm>
#include <string_view>

namespace millrace::pipelines {
namespace {

bool is_another_stage(const DocNode& below, const DocNode& over) {
  for (const std::string_view key : {"stage", "chain"}) {
    const DocMember *a = below.find(key), *b = over.find(key);
    if (b != nullptr && (a == nullptr || a->value.text != b->value.text)) return true;
  }
  return false;
}

// `levels`: how many levels of maps are merged before values are replaced.
void lay(DocNode& below, DocNode over, int levels) {
  if (levels == 0 || !below.is_map() || !over.is_map()) {
    below = std::move(over);
    return;
  }
  for (DocMember& member : over.members) {
    if (DocMember* old = below.find(member.key)) {
      old->key_where = member.key_where;
      lay(old->value, std::move(member.value), levels - 1);
    } else {
      below.members.push_back(std::move(member));
    }
  }
}

void lay_graph(DocNode& below, DocNode over) {
  if (!below.is_map() || !over.is_map()) {
    below = std::move(over);
    return;
  }
  for (DocMember& node : over.members) {
    DocMember* old = below.find(node.key);
    if (old == nullptr) {
      below.members.push_back(std::move(node));
    } else if (node.value.is_null()) {
      std::erase_if(below.members, [&](const DocMember& m) { return m.key == node.key; });
    } else if (is_another_stage(old->value, node.value)) {
      *old = std::move(node);
    } else {
      old->key_where = node.key_where;
      lay(old->value, std::move(node.value), 2);  // a node's keys, then its ports, parameters or budgets
    }
  }
}

}  // namespace

DocNode layered(DocNode below, DocNode over) {
  std::erase_if(below.members, [](const DocMember& m) { return m.key == "extends"; });
  for (DocMember& member : over.members) {
    DocMember* old = below.find(member.key);
    if (member.key == "extends") continue;
    if (old == nullptr) {
      below.members.push_back(std::move(member));
    } else if (member.key == "graph") {
      lay_graph(old->value, std::move(member.value));
    } else {
      old->key_where = member.key_where;
      lay(old->value, std::move(member.value), 1);
    }
  }
  below.where = over.where;
  return below;
}

}  // namespace millrace::pipelines
