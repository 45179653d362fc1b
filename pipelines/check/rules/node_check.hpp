// Each node alone: its stage, its parameters, its budgets.
#pragma once

#include "check/graph/checked_graph.hpp"

namespace millrace::pipelines {

/// Stages, parameters and budgets of each node.
CheckedGraph check_nodes(const GraphSpec&, const StageRegistry&, Diagnostics&);

}  // namespace millrace::pipelines
