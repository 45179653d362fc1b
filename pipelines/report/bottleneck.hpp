// Where a run's time went, node by node and in words.
#pragma once

#include "run_record.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Shares of the run's seconds. `busy` is summed over threads, so it may be above 1.
struct NodeShare {
  double busy = 0, starved = 0, blocked = 0;
};

/// One for each node of the record; all 0 where the run's seconds are not known.
std::vector<NodeShare> shares_of(const RunRecord& record);
/// The place of the node that is busy for the longest; that of no node, record.nodes.size(), where none was.
std::size_t bottleneck_of(const RunRecord& record);
/// What limits the run, and what could be done about it; empty where nothing is known.
std::string bottleneck_text(const RunRecord& record);

}  // namespace millrace::pipelines
