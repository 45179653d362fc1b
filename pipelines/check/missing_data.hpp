// Data sets that a graph names and this machine does not have.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Warns of each data set that a node reads and that is not here, once, with what the run would say: a config may be checked on
/// another machine than it runs on. The files are looked for and not opened.
void warn_of_missing_data(const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
