// The graph while it is being checked: nodes with their stages, edges with both ends known.
#pragma once

#include "config/spec/graph_spec.hpp"

#include <millrace/registry.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct CheckedEdge {
  const EdgeSpec* spec = nullptr;
  std::string port;
  std::size_t from = 0;
  std::string from_port;
  PortKind kind = PortKind::data;
};

struct CheckedNode {
  const NodeSpec* spec = nullptr;
  const StageInfo* info = nullptr;  ///< null when the stage is not known
  ParamValue params;
  ParamValue run;  ///< checked; null when the stage is not known
  std::vector<PortDecl> outputs;
  bool outputs_known = true;  ///< false when a wrong parameter would have named them
  std::vector<CheckedEdge> inputs;
  bool broken = false;  ///< it has errors: neither it nor what is downstream is inferred
};

struct CheckedGraph {
  std::vector<CheckedNode> nodes;  ///< nodes in the order of the spec
  std::vector<std::size_t> order;  ///< topological, ties in the user's order; without the nodes of cycles
};

}  // namespace millrace::pipelines
