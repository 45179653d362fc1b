// Linear search, because members keep the order of the file; callers that look up many keys of one map build an index.
#include "document.hpp"

#include <algorithm>

namespace millrace::pipelines {

const DocMember* DocNode::find(std::string_view key) const {
  const auto it = std::find_if(members.begin(), members.end(), [&](const DocMember& m) { return m.key == key; });
  return it == members.end() ? nullptr : &*it;
}

DocMember* DocNode::find(std::string_view key) {
  const auto it = std::find_if(members.begin(), members.end(), [&](const DocMember& m) { return m.key == key; });
  return it == members.end() ? nullptr : &*it;
}

const Location& default_location() {
  static const Location location{std::make_shared<const SourceText>(SourceText{"default", "", false}), 0, 0, 1};
  return location;
}

std::size_t count_values(const DocNode& node) {
  std::size_t count = 1;
  for (const DocNode& item : node.items) count += count_values(item);
  for (const DocMember& member : node.members) count += count_values(member.value);
  return count;
}

}  // namespace millrace::pipelines
