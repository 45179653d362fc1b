// With which row sources begin the epoch in whose middle a run goes on.
#pragma once

#include "check/graph/source_starts.hpp"
#include "nodes/node_adapter.hpp"
#include "report/state_sink.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::pipelines {

/// The first row of the graph's first epoch that these sources send where its nodes are loaded with these states: the last at which batches are cut and
/// that nobody has had, but not behind the last batch, which ends the epoch.
std::int64_t first_row(const ValidatedGraph& graph, const SourceStart& start, std::span<const NodeState> loaded);

/// Tells it each source of `nodes`, which are the graph's.
void place_sources(const ValidatedGraph& graph, std::span<const NodeState> loaded,
                   const std::vector<std::unique_ptr<NodeAdapter>>& nodes);

}  // namespace millrace::pipelines
