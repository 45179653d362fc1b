// Sums over the ranks of a run for the training step of a card. NOT RUN YET on any GPU.
#pragma once

#include "cuda/step/step_program.hpp"

#include <millrace/communicator.hpp>
#include <millrace/model.hpp>

#include <memory>
#include <string>

namespace millrace::cuda {

/// The way to the other ranks' cards. One thread at a time, with the card as its current device.
class RankSums {
 public:
  virtual ~RankSums() = default;
  /// Enqueues the sum; does not synchronise; may be captured.
  virtual void reduce(const AllReduce& op, cudaStream_t stream) = 0;
  /// While waiting for the card: throws Error("peer-lost", stalled) when a rank is known to be gone.
  virtual void check() = 0;
  /// All sums are done, and no graph holds one any more: takes leave of the other ranks. Without it the others are told that this
  /// one is gone.
  virtual void finish() = 0;
};

/// Why the step of `spec` cannot sum over its ranks on a card; empty when it can, or has no need to.
std::string why_no_rank_sums(const TrainSpec& spec);
/// Every rank calls it. Throws Error("no-nccl" | "nccl-failed", device), Error("peer-lost", stalled).
std::unique_ptr<RankSums> make_rank_sums(Communicator& communicator);

}  // namespace millrace::cuda
