// Timed events of a GPU, and what the streams of a GPU tell its account of time.
#pragma once

#include "cuda/device/time_account.hpp"
#include "cuda/runtime/handles.hpp"

#include <cuda_runtime_api.h>

#include <memory>
#include <mutex>
#include <vector>

namespace millrace::cuda {

/// One for a GPU, shared by all that belongs to it. Safe from any thread.
class GpuClock : public std::enable_shared_from_this<GpuClock> {
 public:
  /// Of the current device. Waits for it once, so that nothing comes before the clock's beginning.
  static std::shared_ptr<GpuClock> start();
  TimeAccount& account() { return account_; }
  /// A mark behind the work that `stream` has so far. The current device is the GPU. Marks that nobody holds are used again.
  SharedMark mark(cudaStream_t stream);

 private:
  GpuClock();
  TimeAccount account_;
  std::mutex mutex_;
  std::vector<EventOwner> spare_;
};
using SharedGpuClock = std::shared_ptr<GpuClock>;

/// Tells the account of one stream's work. One thread at a time, with the GPU as its current device.
class StreamClock {
 public:
  StreamClock(SharedGpuClock gpu, cudaStream_t stream)
      : gpu_(std::move(gpu)), lane_(gpu_->account().add_lane()), stream_(stream) {}

  double now() const { return gpu_->account().now(); }
  /// What the stream is given until `end` is one piece of work.
  void begin(WorkKind kind, double asked) {
    const double began = now();
    gpu_->account().begin(*lane_, kind, gpu_->mark(stream_), asked, began);
  }
  void begin(WorkKind kind) { begin(kind, now()); }
  SharedMoment end(std::vector<SharedMoment> needs = {}) {
    return gpu_->account().end(*lane_, gpu_->mark(stream_), std::move(needs));
  }
  /// The host has waited for the stream since `from`.
  void waited_for_peers(double seconds) { gpu_->account().add_communication(seconds); }
  void waited(double from) { gpu_->account().add_sync({from, now()}); }

 private:
  SharedGpuClock gpu_;
  std::shared_ptr<TimeAccount::Lane> lane_;
  cudaStream_t stream_;
};

}  // namespace millrace::cuda
