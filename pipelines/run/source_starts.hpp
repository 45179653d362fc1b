// Where sources begin the epoch in whose middle a run goes on: behind the rows that its trainers have had, or at its beginning.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "nodes/node_adapter.hpp"
#include "report/state_sink.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Sources whose rows meet, and the stages that go on with them in the middle of an epoch.
struct SourceStart {
  std::vector<std::size_t> sources;  ///< indices in the graph
  std::vector<std::size_t> keepers;  ///< nodes of StateKind::resumable, which leave out what they have had
  std::string replays;               ///< why the epoch comes again from its beginning; empty: it does not
  std::int64_t step = 1;             ///< it begins at a multiple of so many rows: where batches are cut
  std::int64_t rows = 0;             ///< of an epoch
};

/// In the order of the graph. Sources that feed no stage which can go on in the middle of an epoch are none of these: they begin it anew.
std::vector<SourceStart> source_starts(const ValidatedGraph& graph);

/// The first row of the graph's first epoch that its sources send where its nodes are loaded with these states: the last at which batches are cut and that nobody has
/// had, but not behind the last batch, which ends the epoch.
std::int64_t start_row(const ValidatedGraph& graph, const SourceStart& start, std::span<const NodeState> loaded);

/// Tells each source of `nodes`, which are the graph's, with which row it begins.
void place_sources(const ValidatedGraph& graph, std::span<const NodeState> loaded,
                   const std::vector<std::unique_ptr<NodeAdapter>>& nodes);

}  // namespace millrace::pipelines
