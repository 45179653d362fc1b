// What a graph must keep to in a run over several processes, where each has its part of every batch.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Sets `shared_batch_rows` of every node on the way from a source through a batcher to a stage that communicates. Reports
/// `rank-rows`: rows that no stage cuts into batches, that a stage on the way may drop, or whose number is not known; a
/// source that cannot send a part; batches with fewer rows than ranks; a stage that reads such rows and would take a rank's
/// part for all of them. Nothing to do for one process.
void share_rows(ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
