// What the ledger is told of each source: its budget, and whom it waits for.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "credit_ledger.hpp"

#include <cstddef>
#include <vector>

namespace millrace::pipelines {

/// One for each of `sources`, nodes of the graph, in their order.
std::vector<SourceBudget> source_budgets(const ValidatedGraph& graph, const std::vector<std::size_t>& sources);

}  // namespace millrace::pipelines
