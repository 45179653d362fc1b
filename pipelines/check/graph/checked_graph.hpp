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
  std::vector<CheckedNode> nodes;  ///< as in the spec
  std::vector<std::size_t> order;  ///< topological, ties in the user's order; without the nodes of cycles
};

/// Stages, parameters and budgets of each node.
CheckedGraph check_nodes(const GraphSpec&, const StageRegistry&, Diagnostics&);
/// References, ports and their kinds; fills `inputs`.
void check_edges(CheckedGraph&, Diagnostics&);
/// Cycles; fills `order`.
void order_nodes(CheckedGraph&, Diagnostics&);
/// Nodes that nobody uses.
void check_uses(const CheckedGraph&, Diagnostics&);
/// Joins of different sequence domains, and holds that starve.
void check_flow(const CheckedGraph&, Diagnostics&);

/// Why the stage of a node cannot run in a process of its own; empty when it can. `node.info` is not null.
std::string why_not_isolated(const CheckedNode& node);
/// Nodes that shall run in a process of their own, and cannot.
void check_isolation(const CheckedGraph&, Diagnostics&);

/// "config.yaml:12:5" for notes.
std::string place_text(const Location&);

}  // namespace millrace::pipelines
