// For each edge, what its output emitted beside what its input took, discarded or still has waiting; for each source, its epochs and budget.
#include "packet_counts.hpp"

namespace millrace::pipelines {

std::vector<EdgeCount> count_edges(const std::vector<std::unique_ptr<NodeAdapter>>& nodes) {
  std::vector<EdgeCount> edges;
  for (const auto& node : nodes)
    for (std::size_t i = 0; i < node->inputs().size(); ++i) {
      const InputPort& in = *node->inputs()[i];
      const OutputPort& out = *in.from->outputs()[in.from_port];
      edges.push_back({in.from->node().name + "." + in.from->output_ports().name(in.from_port),
                       node->node().name + "." + node->input_ports().name(i), out.emitted, in.taken, in.discarded,
                       node->waiting(i), in.epochs_ended, node->input_ports().spec(i).kind == PortKind::data});
    }
  return edges;
}

std::vector<SourceCount> count_sources(const ValidatedGraph& graph, const std::vector<std::size_t>& sources,
                                       const CreditLedger& ledger) {
  std::vector<SourceCount> counts;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const CreditLedger::SourceState state = ledger.source(i);
    const ValidatedNode& node = graph.nodes[sources[i]];
    counts.push_back({node.name, node.info->name, node.where, state.epochs, state.alive, node.budget_bytes,
                      block_bytes(node), node.declared_bytes, state.limit});
  }
  return counts;
}

std::vector<WidenedBudget> widened_budgets(const ValidatedGraph& graph, const std::vector<std::size_t>& sources,
                                           const CreditLedger& ledger) {
  std::vector<WidenedBudget> budgets;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const std::int64_t more = ledger.source(i).widened, planned = graph.nodes[sources[i]].budget_blocks;
    if (more > 0) budgets.push_back({graph.nodes[sources[i]].name, planned, planned + more});
  }
  return budgets;
}

}  // namespace millrace::pipelines
