// Whether there is as much memory as a run may take.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Error("too-little-memory", config) at the node that takes most, where the bound is above what the machine and the
/// control groups leave for all processes of the run, or the part of one process above its own limits; says what takes most.
void check_memory(const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
