// Nothing is lost silently: what went into every edge must have come out, and every pass must have come to its end.
#pragma once

#include "runner.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// What one edge has seen by the time nothing moves any more.
struct EdgeCount {
  std::string from, to;  ///< "train.images", "train_inputs.flatten.in"
  std::uint64_t emitted = 0, taken = 0, discarded = 0;
  std::uint64_t waiting = 0;       ///< still in the consumer's join
  std::uint64_t passes_ended = 0;  ///< packets taken with last_in_epoch
  bool carries_rows = true;        ///< only data ports mark the end of a pass
};

struct SourceCount {
  std::string node;
  std::uint32_t passes = 0;
  std::int64_t blocks_alive = 0, budget = 0;
};

/// Failures `lost-packet` and `unfinished-pass`; none when everything adds up. `passes`: how many every source owed.
/// A run that was stopped owes no passes and may have discarded, but the numbers of every edge must still balance.
std::vector<RunFailure> check_conservation(const std::vector<EdgeCount>& edges, const std::vector<SourceCount>& sources,
                                           std::uint32_t passes, bool stopped);

}  // namespace millrace::pipelines
