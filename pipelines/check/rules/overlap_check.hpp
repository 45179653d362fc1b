// Rows that a model is trained on must not be those that it is measured on.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Warns of each source that sends rows to an evaluation and shares some of them with a source that trains its model. Goes by what sources
/// say that they read, and looks through those stages only that pass every row on.
void warn_of_overlaps(const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
