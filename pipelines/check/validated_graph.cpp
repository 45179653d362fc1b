#include "validated_graph.hpp"

#include <algorithm>

namespace millrace::pipelines {

const PortSpec* ValidatedNode::find_output(std::string_view port) const {
  const auto it = std::find_if(outputs.begin(), outputs.end(), [&](const auto& o) { return o.first == port; });
  return it == outputs.end() ? nullptr : &it->second;
}

}  // namespace millrace::pipelines
