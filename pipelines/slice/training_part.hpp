// The part of a graph that trains: all of it but what the test set is evaluated by.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "config/spec/graph_spec.hpp"

namespace millrace::pipelines {

/// Whether a graph has nodes of a test set.
bool has_test_part(const ValidatedGraph& whole);

/// `spec` without the nodes that belong to the test set of `whole`, which is `spec` when it has been checked; without inputs that come from
/// these, nodes that have no input any more, and nodes whose rows nobody else has taken. What is kept and monitored stays as it is.
GraphSpec training_part(const GraphSpec& spec, const ValidatedGraph& whole);

}  // namespace millrace::pipelines
