// How much of a source may be alive at once.
#pragma once

#include "check/graph/checked_graph.hpp"
#include "check/graph/validated_graph.hpp"

namespace millrace::pipelines {

/// Fills the budgets of the sources. What the user declares is widened so that every stage downstream that keeps rows
/// back can fill: blocks >= ceil(rows kept back downstream / rows of a block) + 1, and bytes to match.
/// That is enough because of when KeptLeases gives back what a stage keeps.
void decide_budgets(const CheckedGraph& checked, ValidatedGraph& graph);

}  // namespace millrace::pipelines
