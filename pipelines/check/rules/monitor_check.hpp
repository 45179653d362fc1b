// The metric that `keep` chooses the best checkpoint by.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Reports `unknown-metric` for a metric that no node will tell, and `test-set-used` for one of the test set. Call it when metrics have their names. Says nothing where a node does not say
/// which ones it tells.
void check_monitor(const KeepSpec& keep, const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
