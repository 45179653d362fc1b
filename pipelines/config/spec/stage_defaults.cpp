// Defaults of stages into the resolved document, so that `show` prints every value that a run uses.
#include "stage_defaults.hpp"

#include "chains.hpp"
#include "config/params/param_document.hpp"

#include <millrace/registry.hpp>

namespace millrace::pipelines {
namespace {

const StageInfo* stage_with_params(const StageRegistry& registry, std::string_view stage) {
  const StageInfo* info = registry.find(stage);
  return info != nullptr && !info->spec.params().empty() ? info : nullptr;
}

void add_to_node(DocNode& node, const StageRegistry& registry) {
  const DocMember* stage = node.find("stage");
  const StageInfo* info = stage != nullptr ? stage_with_params(registry, stage->value.text) : nullptr;
  if (info == nullptr) return;
  if (node.find("with") == nullptr) node.members.push_back({"with", default_location(), {}});
  add_defaults(node.find("with")->value, info->spec.params(), default_location());
}

void add_to_chain_item(DocNode& item, const StageRegistry& registry) {
  const bool is_map = item.is_map() && item.members.size() == 1;
  const StageInfo* info = stage_with_params(registry, is_map ? item.members.front().key : item.text);
  if (info == nullptr) return;
  if (!is_map) {
    DocNode map{DocNode::Kind::map, {}, false, item.where, {}, {}};
    map.members.push_back({item.text, item.where, {}});
    item = std::move(map);
  }
  add_defaults(item.members.front().value, info->spec.params(), default_location());
}

}  // namespace

void add_stage_defaults(DocNode& document, const StageRegistry& registry) {
  if (DocMember* chains = document.find("chains"))
    for (DocMember& chain : chains->value.members)
      for (DocNode& item : chain.value.items) add_to_chain_item(item, registry);
  if (DocMember* graph = document.find("graph"))
    for (DocMember& node : graph->value.members) add_to_node(node.value, registry);
}

}  // namespace millrace::pipelines
