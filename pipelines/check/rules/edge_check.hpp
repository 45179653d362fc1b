// What nodes are wired to.
#pragma once

#include "check/graph/checked_graph.hpp"

namespace millrace::pipelines {

/// References, ports and their kinds; fills `inputs`.
void check_edges(CheckedGraph&, Diagnostics&);

}  // namespace millrace::pipelines
