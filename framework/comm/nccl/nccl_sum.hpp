// Sums on device memory over the ranks of a communicator, through NCCL, for the CUDA training step. A build without NCCL has
// no_nccl.cpp in place of nccl_sum.cpp. One rank has run on a GPU; several have run on emulated GPUs only.
#pragma once

#include <millrace/communicator.hpp>

#include <cuda_runtime_api.h>

#include <chrono>
#include <cstddef>
#include <string>

struct ncclComm;

namespace millrace::comm {

/// Why there can be no NcclSum here; empty when there can.
std::string why_no_nccl();

/// One thread at a time. The calling thread's current CUDA device is the rank's, and no two ranks have the same.
class NcclSum {
 public:
  /// Every rank of `bootstrap` calls it; that is how they find each other. Blocks, at most `timeout`. Throws
  /// Error("no-nccl" | "nccl-failed", device), Error("peer-lost", stalled).
  NcclSum(Communicator& bootstrap, std::chrono::milliseconds timeout);
  /// Ends well only after `finish`; else aborts, so that no rank waits for this one.
  ~NcclSum();
  NcclSum(const NcclSum&) = delete;
  NcclSum& operator=(const NcclSum&) = delete;

  /// Enqueues the sum of `count` floats in device memory, in place; does not synchronize. May be captured into a graph, on
  /// all ranks alike. The same bits on every rank.
  void all_reduce_sum(float* values, std::size_t count, cudaStream_t stream);
  /// Throws Error("peer-lost", stalled) when NCCL has noticed that a rank is gone; call it while waiting for the stream.
  void check();
  /// All sums are done: takes leave of the other ranks. Blocks, at most the timeout.
  void finish();
  /// Kernels that wait for other ranks end. Does not block for them.
  void abort() noexcept;

 private:
  void wait_until_ready(const char* call);

  ncclComm* communicator_ = nullptr;
  std::chrono::milliseconds timeout_;
};

}  // namespace millrace::comm
