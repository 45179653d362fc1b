// Goes through the nodes against topological order for the most rows that stages below a source keep back; a smaller budget would be a
// deadlock, so it is raised.
#include "budgets.hpp"

#include <algorithm>
#include <map>

namespace millrace::pipelines {
namespace {

// Rows kept back along the worst path below each node. Branches hold the same rows, stages in a row different ones.
std::vector<std::int64_t> rows_kept_below(const ValidatedGraph& graph) {
  std::vector<std::int64_t> kept(graph.nodes.size(), 0);
  for (std::size_t i = graph.nodes.size(); i-- > 0;)
    for (const ValidatedEdge& edge : graph.nodes[i].inputs) {
      if (graph.spec_of(edge).kind != PortKind::data) continue;
      kept[edge.from_node] = std::max(kept[edge.from_node], kept[i] + graph.nodes[i].accumulates_rows);
    }
  return kept;
}

// Of each node: whether what it emits is copied to a device further down.
std::vector<bool> crosses_below(const ValidatedGraph& graph) {
  std::vector<bool> crosses(graph.nodes.size(), false);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) crosses[i] = crosses[i] || graph.nodes[i].feeds_device;
  for (std::size_t i = graph.nodes.size(); i-- > 0;)
    for (const ValidatedEdge& edge : graph.nodes[i].inputs)
      if (graph.spec_of(edge).kind == PortKind::data && crosses[i]) crosses[edge.from_node] = true;
  return crosses;
}

// A batch is alive until the device is done with it: one is computed, one waits there, one is copied, one is put together.
constexpr std::int64_t kBatchesBehindADevice = 4;

void decide(const ParamValue& declared, std::int64_t kept, ValidatedNode& node) {
  const std::int64_t rows = std::max<std::int64_t>(block_rows(node), 1);
  const std::int64_t needed = (kept + rows - 1) / rows + 1;
  node.declared_blocks = declared["blocks"].integer();
  node.budget_blocks = std::max(node.declared_blocks, needed);
  if (declared["bytes"].is_null()) return;
  node.declared_bytes = static_cast<std::size_t>(declared["bytes"].integer());
  node.budget_bytes = std::max(node.declared_bytes, static_cast<std::size_t>(needed) * block_bytes(node));
}

}  // namespace

void decide_budgets(const CheckedGraph& checked, ValidatedGraph& graph) {
  const std::vector<std::int64_t> kept = rows_kept_below(graph);
  const std::vector<bool> crosses = crosses_below(graph);
  std::map<std::string_view, const ParamValue*> declared;
  for (const CheckedNode& node : checked.nodes) declared.emplace(node.spec->name, &node.run);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].info->kind != StageKind::source) continue;
    decide(*declared.at(graph.nodes[i].name), crosses[i] ? kBatchesBehindADevice * kept[i] : kept[i], graph.nodes[i]);
  }
}

}  // namespace millrace::pipelines
