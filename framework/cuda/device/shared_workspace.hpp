// Room for cuBLASLt that the evaluation steps of a GPU use in turn: two of them at once would be no faster than one after
// the other.
#pragma once

#include "cuda/device/cuda_event.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

namespace millrace::cuda {

/// Safe from any thread. It, or what has taken turns, is kept alive until the GPU is done with it.
class SharedWorkspace {
 public:
  SharedWorkspace(int device_index, SharedLiveness liveness, std::shared_ptr<std::byte> memory)
      : device_index_(device_index), liveness_(std::move(liveness)), memory_(std::move(memory)) {}
  std::byte* base() const { return memory_.get(); }
  /// Work that `enqueue` puts on `stream` starts when that of the turn before is over.
  template <class Enqueue>
  void take_turn(cudaStream_t stream, Enqueue enqueue) {
    const std::lock_guard lock(mutex_);
    wait_for_event(stream, last_);
    enqueue();
    last_ = record_event(device_index_, stream, liveness_);
  }

 private:
  int device_index_;
  SharedLiveness liveness_;
  std::shared_ptr<std::byte> memory_;
  std::mutex mutex_;
  Event last_;
};

}  // namespace millrace::cuda
