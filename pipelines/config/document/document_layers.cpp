// A deep merge with a rule for each level: top-level keys, nodes, the keys of a node. Another stage replaces the node below it, and null
// removes a node, a chain or an input.
#include "document_layers.hpp"

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace millrace::pipelines {
namespace {

bool is_another_stage(const DocNode& below, const DocNode& over) {
  for (const std::string_view key : {"stage", "chain"}) {
    const DocMember *a = below.find(key), *b = over.find(key);
    if (b != nullptr && (a == nullptr || a->value.text != b->value.text)) return true;
  }
  return false;
}

// Finds members of a map by key while others are added. A few are looked for as they are; many through an index.
class Members {
 public:
  Members(DocNode& map, std::size_t lookups) : map_(map) {
    if (lookups * map.members.size() < 1000) return;
    indexed_ = true;
    for (std::size_t i = 0; i < map.members.size(); ++i) index_.emplace(map.members[i].key, i);
  }
  DocMember* find(const std::string& key) {
    if (!indexed_) return map_.find(key);
    const auto it = index_.find(key);
    return it == index_.end() ? nullptr : &map_.members[it->second];
  }
  // Keys of a map are unique, so what is added is not looked for again.
  void add(DocMember member) { map_.members.push_back(std::move(member)); }

 private:
  DocNode& map_;
  bool indexed_ = false;
  std::unordered_map<std::string, std::size_t> index_;
};

bool remove_none(const std::string& /*key*/) { return false; }
bool remove_all(const std::string& /*key*/) { return true; }

void lay_members(DocNode& below, DocNode over, bool (*may_remove)(const std::string&),
                 void (*lay_value)(const std::string& key, DocMember& below, DocMember over)) {
  if (!below.is_map() || !over.is_map()) {
    below = std::move(over);
    return;
  }
  std::unordered_set<std::string> removed;
  Members members(below, over.members.size());
  for (DocMember& member : over.members) {
    const std::string key = member.key;
    DocMember* old = members.find(key);
    if (old == nullptr)
      members.add(std::move(member));
    else if (member.value.is_null() && may_remove(key))
      removed.insert(key);
    else
      lay_value(key, *old, std::move(member));
  }
  std::erase_if(below.members, [&](const DocMember& m) { return removed.contains(m.key); });
}

void replace(const std::string& /*key*/, DocMember& below, DocMember over) {
  below.key_where = over.key_where;
  below.value = std::move(over.value);
}

// A node's ports, parameters or budgets; a port set to null is not connected.
void lay_node_key(const std::string& key, DocMember& below, DocMember over) {
  below.key_where = over.key_where;
  lay_members(below.value, std::move(over.value), key == "in" ? remove_all : remove_none, replace);
}

void lay_node(const std::string& /*name*/, DocMember& below, DocMember over) {
  if (is_another_stage(below.value, over.value)) {
    below = std::move(over);
    return;
  }
  below.key_where = over.key_where;
  lay_members(below.value, std::move(over.value), remove_none, lay_node_key);
}

void lay_top_key(const std::string& key, DocMember& below, DocMember over) {
  below.key_where = over.key_where;
  lay_members(below.value, std::move(over.value), key == "graph" || key == "chains" ? remove_all : remove_none,
              key == "graph" ? lay_node : replace);
}

}  // namespace

void lay_keys(DocNode& below, DocNode over) { lay_members(below, std::move(over), remove_none, replace); }

DocNode layered(DocNode below, DocNode over) {
  const auto is_extends = [](const DocMember& m) { return m.key == "extends"; };
  std::erase_if(below.members, is_extends);
  std::erase_if(over.members, is_extends);
  below.where = over.where;
  lay_members(below, std::move(over), remove_none, lay_top_key);
  return below;
}

}  // namespace millrace::pipelines
