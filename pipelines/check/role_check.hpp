// What rows are for: those of a test are seen by no training, and others do what their role says.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Sets `role` of each source and `is_test` of each node that rows of a test reach. Reports role-without-rows for what is no source; wrong-role where
/// rows of a training are evaluated, rows of a validation train, or nobody evaluates those of a test, and no capture takes them; test-set-used, at the input through which it
/// happens, where rows of a test train a model, or what they come to decides something. Call it when all nodes are inferred, before metrics get their names.
void check_roles(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
