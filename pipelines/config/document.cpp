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

}  // namespace millrace::pipelines
