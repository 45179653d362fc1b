// Which sources can begin an epoch in its middle, where a run goes on, and which send it again from its beginning.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <cstddef>
#include <cstdint>
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

}  // namespace millrace::pipelines
