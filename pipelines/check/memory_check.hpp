// Whether there is as much memory as a run may take.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Error("too-little-memory", config) at the node that takes most, where the bound is above what the machine, the control
/// groups and the limits of this process leave; says what to lower.
void check_memory(const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
