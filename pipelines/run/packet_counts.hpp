// What the nodes and the ledger have counted, for the books of a run (packet_accounting.hpp).
#pragma once

#include "backpressure/credit_ledger.hpp"
#include "nodes/node_adapter.hpp"
#include "packet_accounting.hpp"
#include "report/run_report.hpp"

#include <cstddef>
#include <memory>
#include <vector>

namespace millrace::pipelines {

/// One for each input of each node.
std::vector<EdgeCount> count_edges(const std::vector<std::unique_ptr<NodeAdapter>>& nodes);
/// One for each of `sources`, nodes of the graph in the order of the ledger's lines.
std::vector<SourceCount> count_sources(const ValidatedGraph& graph, const std::vector<std::size_t>& sources,
                                       const CreditLedger& ledger);
/// Of the same those whose budgets the ledger has widened.
std::vector<WidenedBudget> widened_budgets(const ValidatedGraph& graph, const std::vector<std::size_t>& sources,
                                           const CreditLedger& ledger);

}  // namespace millrace::pipelines
