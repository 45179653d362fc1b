// Beginning too early is never wrong: who has had rows leaves them out.
#include "first_rows.hpp"

#include <algorithm>

namespace millrace::pipelines {
namespace {

/// Rows of the first epoch that the node has had for certain.
std::int64_t rows_had(const ValidatedGraph& graph, std::size_t node, std::span<const NodeState> loaded) {
  for (const NodeState& state : loaded) {
    if (state.node != graph.nodes[node].name || state.position.epoch != graph.first_epoch) continue;
    return static_cast<std::int64_t>(std::min<std::uint64_t>(state.position.row, INT64_MAX));
  }
  return 0;
}

}  // namespace

std::int64_t first_row(const ValidatedGraph& graph, const SourceStart& start, std::span<const NodeState> loaded) {
  if (!start.replays.empty() || start.rows <= 0) return 0;
  std::int64_t row = start.rows - 1;
  for (const std::size_t keeper : start.keepers) row = std::min(row, rows_had(graph, keeper, loaded));
  return row / start.step * start.step;
}

void place_sources(const ValidatedGraph& graph, std::span<const NodeState> loaded,
                   const std::vector<std::unique_ptr<NodeAdapter>>& nodes) {
  if (loaded.empty()) return;
  for (const SourceStart& start : source_starts(graph))
    for (const std::size_t source : start.sources) nodes[source]->begin_at(first_row(graph, start, loaded));
}

}  // namespace millrace::pipelines
