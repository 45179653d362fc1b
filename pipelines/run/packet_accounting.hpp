// Nothing is lost silently: what went into every edge must have come out, and every epoch must have come to its end.
#pragma once

#include "backpressure/credit_ledger.hpp"
#include "run/report/run_report.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// What one edge has seen by the time nothing moves any more.
struct EdgeCount {
  std::string from, to;  ///< "train.images", "train_inputs.flatten.in"
  std::uint64_t emitted = 0, taken = 0, discarded = 0;
  std::uint64_t waiting = 0;       ///< still in the consumer's join
  std::uint64_t epochs_ended = 0;  ///< packets taken with last_in_epoch
  bool carries_rows = true;        ///< only data ports mark the end of an epoch
};

struct SourceCount {
  std::string node, stage;
  Location where;
  std::uint32_t epochs = 0;
  std::int64_t blocks_alive = 0;
  std::size_t bytes = 0, block_bytes = 0;  ///< bytes of its budget and of a block; 0: no limit
  std::size_t declared_bytes =
      0;  ///< the limit that the user wrote; the budget has more where batches behind it need more
  CreditLedger::Limit limit = CreditLedger::Limit::none;
};

/// What a node gave back only when it was closed or destroyed.
struct KeptCount {
  std::string node, stage;
  Location where;
  std::size_t count = 0;  ///< blocks and epochs
};

/// Failures `lost-packet`; none when everything adds up. `epochs`: how many every edge owed. A run that was `cut_short`, by a
/// failure, a signal or a source that could not go on, owes nothing and may have discarded, but the numbers of every edge must
/// still balance.
std::vector<RunFailure> check_edges(const std::vector<EdgeCount>& edges, std::uint32_t epochs, bool cut_short);

/// The sources that did not come to their end, in a run that nobody stopped.
bool is_unfinished(const std::vector<SourceCount>& sources, std::uint32_t epochs);

/// Failures `kept-packet` and `unfinished-epoch`: the causes only. A stage that keeps an epoch keeps the next one from beginning, and
/// is the cause; a limit of bytes is the cause of what is still held behind it.
/// `leaked`: blocks and epochs whose leases are still out when every stage is gone.
std::vector<RunFailure> check_ends(const std::vector<SourceCount>& sources, const std::vector<KeptCount>& kept,
                                   std::size_t leaked, std::uint32_t epochs);

}  // namespace millrace::pipelines
