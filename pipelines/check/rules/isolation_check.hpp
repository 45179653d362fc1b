// Which stages can run in a process of their own.
#pragma once

#include "check/graph/checked_graph.hpp"

#include <string>

namespace millrace::pipelines {

/// Why the stage of a node cannot run in a process of its own; empty when it can. `node.info` is not null.
std::string why_not_isolated(const CheckedNode& node);
/// Nodes that shall run in a process of their own, and cannot.
void check_isolation(const CheckedGraph&, Diagnostics&);

}  // namespace millrace::pipelines
