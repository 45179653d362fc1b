// An item is `stage` or `stage: {parameters}`; a stage that occurs again in one chain is numbered, `normalize_2`, so that a path can name it.
#include "chains.hpp"

#include <fmt/format.h>

#include <map>

namespace millrace::pipelines {

std::vector<ChainItem> chain_items(const DocNode& chain, Diagnostics& diagnostics) {
  std::vector<ChainItem> items;
  std::map<std::string, int> uses;
  for (const DocNode& entry : chain.items) {
    ChainItem item;
    if (entry.is_scalar() && !entry.text.empty()) {
      item = {"", entry.text, entry.where, nullptr};
    } else if (entry.is_map() && entry.members.size() == 1 && !entry.members.front().key.empty()) {
      const DocMember& member = entry.members.front();
      item = {"", member.key, member.key_where, &member.value};
    } else {
      diagnostics.add({{.kind = ErrorKind::config,
                        .name = "wrong-type",
                        .message = "this is no stage of a chain",
                        .help = "for example [flatten, normalize: {scale: 1/255}]"},
                       entry.where,
                       "expected: stage, or stage: {parameters}"});
      continue;
    }
    const int use = ++uses[item.stage];
    item.instance = use == 1 ? item.stage : fmt::format("{}_{}", item.stage, use);
    items.push_back(std::move(item));
  }
  return items;
}

std::vector<ChainItem> chain_items(const DocNode& chain) {
  Diagnostics ignored;
  return chain_items(chain, ignored);
}

}  // namespace millrace::pipelines
