// A topological sort of the graph.
#pragma once

#include "check/graph/checked_graph.hpp"

namespace millrace::pipelines {

/// Fills `order`; reports cycles.
void order_nodes(CheckedGraph&, Diagnostics&);

}  // namespace millrace::pipelines
