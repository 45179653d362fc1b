// How the processes of one run talk to each other. One process: every call returns at once.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace millrace {

/// Something under way between ranks. Its buffers must live until it is over.
class MILLRACE_EXPORT PendingSum {
 public:
  virtual ~PendingSum();  ///< waits, and swallows what wait would throw
  /// Blocks until the sum is there. Throws what Communicator's calls throw.
  virtual void wait() = 0;
};

/// A group of ranks, of its own for each stage that communicates. One thread at a time; every rank makes the same calls in
/// the same order.
///
/// Calls block. They throw Error("peer-lost", stalled) when a rank is gone, failed or did not come within the timeout, and
/// Error("canceled", run) when this rank is stopping; a stage lets both pass.
class MILLRACE_EXPORT Communicator {
 public:
  virtual ~Communicator();
  virtual int rank() const = 0;
  virtual int size() const = 0;

  /// Replaces `values` by the sum over all ranks, element by element; every rank gets the same bits. The order of the sum
  /// depends on the number of ranks.
  void all_reduce_sum(std::span<float> values) { begin_all_reduce_sum(values)->wait(); }
  /// The same without blocking. What was begun first is over first.
  virtual std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float> values) = 0;
  /// Sends `mine` to `peer` and receives as many values of it into `theirs`. Both ranks call it.
  virtual void exchange(int peer, std::span<const float> mine, std::span<float> theirs) = 0;
  /// What every rank gives, in rank order; equally many bytes each.
  virtual std::vector<std::byte> all_gather(std::span<const std::byte> mine) = 0;

  /// Number of the signal by which this rank was asked to stop, or 0. The ranks agree on it at a batch boundary, since a
  /// rank that stopped alone would leave the others waiting.
  virtual int requested_stop() const { return 0; }
  /// All ranks have agreed to stop after this batch.
  virtual void on_stop_agreed(int /*signal*/) {}
};

/// Replaces `values` by their sums over all ranks, taken in rank order.
MILLRACE_EXPORT void all_reduce_sum_in_rank_order(Communicator& communicator, std::span<double> values);

/// The communicator of a process that is alone.
MILLRACE_EXPORT std::unique_ptr<Communicator> make_self_communicator();

}  // namespace millrace
