// What is reported of a run that has failed.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run_report.hpp"

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Everything of the epochs before one; of that one what some nodes have told; nothing later. Cuts nothing as it is made.
struct EpochCut {
  std::uint32_t epoch = UINT32_MAX;
  std::set<std::string> nodes;  ///< whose part of `epoch` is kept

  bool keeps(std::uint32_t e) const { return e < epoch; }
  bool keeps(std::uint32_t e, const std::string& node) const {
    return keeps(e) || (e == epoch && nodes.contains(node));
  }
};

/// Cuts at the first epoch that was not complete everywhere, or in which something failed: `ended`, all before it have ended.
/// Of an epoch in which a node diverged the node's own part is kept, and that of those before it in the graph: it is their model that
/// was measured.
EpochCut cut_of(const ValidatedGraph& graph, const std::vector<RunFailure>& failures, std::uint64_t ended);

/// What failed in the first epoch in which something did, and what belongs to none: work of a later epoch may have failed only
/// because somebody was faster. What has not returned from a later one is why the run ended late, and stays. In their order.
std::vector<RunFailure> of_first_epoch(std::vector<RunFailure> failures);

}  // namespace millrace::pipelines
