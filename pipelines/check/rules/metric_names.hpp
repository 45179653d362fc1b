// Under which names metrics stand in the history of a run.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"

#include <string_view>

namespace millrace::pipelines {

/// What stands in the JSON beside the metrics of an epoch; no metric may be called so.
inline constexpr std::string_view kReservedMetric = "epoch";

/// Sets `reported`: every metrics output, with the prefix that a sink gives it, or where none does, with one of its own: none
/// for the only trainer, `val_` for the only evaluator, else the node's name (ValidatedGraph says which is which). Reports `metric-clash`: two outputs that would
/// give one name, or that say no names and have one prefix. Call it when every node was inferred.
void name_metrics(const CheckedGraph& checked, ValidatedGraph& graph, Diagnostics&);

}  // namespace millrace::pipelines
