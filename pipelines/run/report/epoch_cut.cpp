// The cut lies at the earliest epoch that has a failure; of that epoch a trainer that diverged is still told, with its inputs.
#include "epoch_cut.hpp"

#include <algorithm>

namespace millrace::pipelines {
namespace {

/// The first epoch of a failure; UINT32_MAX when none has one.
std::uint32_t first_epoch(const std::vector<RunFailure>& failures) {
  std::uint32_t first = UINT32_MAX;
  for (const RunFailure& failure : failures)
    if (failure.epoch > 0) first = std::min(first, failure.epoch);
  return first;
}

// Nodes stand behind those that they get packets from.
void add_with_inputs(const ValidatedGraph& graph, const std::string& name, std::set<std::string>& nodes) {
  nodes.insert(name);
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (nodes.contains(node->name))
      for (const ValidatedEdge& edge : node->inputs) nodes.insert(graph.nodes[edge.from_node].name);
}

}  // namespace

EpochCut cut_of(const ValidatedGraph& graph, const std::vector<RunFailure>& failures, std::uint64_t ended) {
  EpochCut cut;
  cut.epoch = static_cast<std::uint32_t>(std::min<std::uint64_t>(ended, first_epoch(failures)));
  for (const RunFailure& failure : failures)
    if (failure.kind == ErrorKind::diverged && failure.epoch == cut.epoch && !failure.node.empty())
      add_with_inputs(graph, failure.node, cut.nodes);
  return cut;
}

std::vector<RunFailure> of_first_epoch(std::vector<RunFailure> failures) {
  const std::uint32_t first = first_epoch(failures);
  std::erase_if(failures,
                [&](const RunFailure& failure) { return failure.epoch > first && failure.kind != ErrorKind::stalled; });
  return failures;
}

}  // namespace millrace::pipelines
