// Whether packets can flow to every node that waits for them.
#pragma once

#include "check/graph/checked_graph.hpp"

namespace millrace::pipelines {

/// Nodes that nobody uses.
void check_uses(const CheckedGraph&, Diagnostics&);
/// Joins of different sequence domains, and holds that starve.
void check_flow(const CheckedGraph&, Diagnostics&);

}  // namespace millrace::pipelines
