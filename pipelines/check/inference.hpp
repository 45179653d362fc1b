// Asks every stage what it will give, in topological order, and collects their errors at the user's own places.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"

namespace millrace::pipelines {

/// Moves the checked nodes into `graph.nodes`, constructed and inferred. A node with errors, and every node downstream of
/// one, is left without a stage or outputs: no error follows from another.
void infer_nodes(CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
