// A slice: the part of a checked graph that gives some outputs, cut where something else feeds it. It is checked as every graph is and run as
// every graph is (decision 0074).
#pragma once

#include "check/graph/validated_graph.hpp"
#include "config/spec/graph_spec.hpp"
#include "diagnostics/diagnostics.hpp"
#include "slice_request.hpp"

#include <millrace/registry.hpp>

#include <vector>

namespace millrace::pipelines {

/// The nodes before what is captured, in the order of `spec`, then those of `added`. `whole` is `spec` when it has been checked. What a stage
/// says that it does not look at is left out: of a record whose other fields only an added node would have ignored, the batcher
/// of the slice has the wanted ones alone. The slice keeps nothing and has no monitor.
GraphSpec cut_slice(const GraphSpec& spec, const ValidatedGraph& whole, const StageRegistry& registry,
                    const SliceRequest& request);

/// Outputs of sources that nodes of `slice` take, each once, in their order.
std::vector<OutputName> source_outputs(const GraphSpec& slice, const StageRegistry& registry);

/// Checks a slice with the rules of every graph. What is drawn at random in it is what the whole graph draws there: seeds are numbered as in `whole`.
ValidatedGraph check_slice(const GraphSpec& slice, const ValidatedGraph& whole, const StageRegistry& registry,
                           Diagnostics& diagnostics);

/// Whether each epoch of the slice can be computed without those before it: none of its stages keeps anything from one to the next.
bool starts_anywhere(const ValidatedGraph& slice);

}  // namespace millrace::pipelines
