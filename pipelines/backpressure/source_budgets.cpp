// Takes which sources wait for which from check/rules/source_waits, and turns numbers of nodes into positions in the list of sources.
#include "source_budgets.hpp"

#include "check/rules/source_waits.hpp"

#include <algorithm>

namespace millrace::pipelines {
namespace {

std::vector<FlowNode> flow_nodes(const ValidatedGraph& graph) {
  std::vector<FlowNode> nodes;
  for (const ValidatedNode& node : graph.nodes) {
    nodes.push_back({node.info->kind == StageKind::source, {}, node.info->spec.waits()});
    for (const ValidatedEdge& edge : node.inputs)
      nodes.back().inputs.push_back({edge.port, edge.from_node, graph.spec_of(edge).kind == PortKind::data});
  }
  return nodes;
}

}  // namespace

std::vector<SourceBudget> source_budgets(const ValidatedGraph& graph, const std::vector<std::size_t>& sources) {
  const auto waits = waits_in_turn(source_waits(flow_nodes(graph)), graph.nodes.size());
  std::vector<SourceBudget> budgets;
  for (const std::size_t index : sources) {
    const ValidatedNode& node = graph.nodes[index];
    budgets.push_back({node.name, node.budget_blocks, node.budget_bytes, block_bytes(node), {}});
    for (std::size_t i = 0; i < sources.size(); ++i)
      if (std::count(waits[index].begin(), waits[index].end(), sources[i]) != 0) budgets.back().waits_for.push_back(i);
  }
  return budgets;
}

}  // namespace millrace::pipelines
