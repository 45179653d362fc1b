// What training and evaluation share on a GPU: the stream, the one block of memory, weights up and down, a batch in, sums out.
#pragma once

#include "cuda/device/cuda_device.hpp"
#include "cuda/device/cuda_event.hpp"
#include "cuda/kernels/matmul.hpp"
#include "cuda/step/step_plan.hpp"
#include "cuda/step/step_program.hpp"

#include <millrace/device.hpp>
#include <millrace/model.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace millrace::cuda {

/// Owns the memory of a step and everything that is in flight on its stream. One thread at a time.
class StepMemory {
 public:
  /// `device` must be a GPU, opened by this object; it outlives this. Products of an evaluation step work in `workspace`; it
  /// outlives this too.
  StepMemory(Device& device, const StepDemand& demand, std::byte* workspace = nullptr);
  StepMemory(const StepMemory&) = delete;
  StepMemory& operator=(const StepMemory&) = delete;
  /// Synchronizes the stream, so that nothing reads memory that goes away; not that of an abandoned device, whose memory stays.
  ~StepMemory();

  int device_index() const { return device_index_; }
  const StepLayout& layout() const { return layout_; }
  std::byte* base() const { return memory_.get(); }
  cudaStream_t stream() const { return stream_.get(); }
  /// The chain's stream is `stream()`; the others are there for training only.
  WorkStreams streams() const;
  ProgressPage* page() const { return page_; }
  CanFuse can_fuse() const;

  /// All of the step's memory becomes 0, all sums with it; or a part. Neither synchronizes.
  void clear();
  void zero(std::size_t offset, std::size_t bytes);
  /// The weights, and their bf16 copies where products take them so. Synchronizes the stream.
  void set_weights(std::span<const float> flat);
  /// Weights or optimizer state, in the model's flat order. Synchronizes the stream.
  void upload(std::span<const float> flat, std::size_t buffer);
  std::vector<float> download(std::size_t buffer) const;
  /// `bytes` bytes at `offset` of the step's memory. Synchronizes the stream.
  void read(void* to, std::size_t offset, std::size_t bytes) const;

  /// Refuses a batch that does not fit: Error("batch-too-large" | "shape-mismatch", run).
  void check(const TrainBatch& batch) const;
  /// Enqueues the step's input, and copies of what does not lie on this GPU; the rest is read where it lies. The tensors are
  /// kept alive until the work enqueued before `end_batch` is done. With many batches in flight it waits for the oldest, so
  /// that the host cannot run ahead without bound.
  void bring(const TrainBatch& batch, StepInput input);

  /// For the account of the GPU's time, too: a batch is one computation, from `bring` to `end_batch`.
  void end_batch();

  /// Called again and again while the host waits for the GPU; what it throws ends the wait.
  void set_watch(std::function<void()> watch) { watch_ = std::move(watch); }
  /// Blocks until `event` is done.
  void wait(const Event& event) const;

  /// An event behind everything on the stream.
  Event enqueued() const { return record_event(device_index_, stream(), liveness_); }

  /// Sums of the steps that are done; any moment.
  ProgressPage look() const;
  /// Synchronizes the stream; sums start again at 0.
  BatchSums take_sums();
  bool has_untaken() const { return untaken_; }

 private:
  struct InFlight {
    std::vector<Tensor> tensors;
    Event over;
  };
  const std::byte* bring(const Tensor* tensor, std::size_t offset);
  void copy_in(std::size_t offset, const void* from, std::size_t bytes);
  void copy_and_wait(void* to, const void* from, std::size_t bytes) const;
  void synchronize() const;

  int device_index_;
  SharedLiveness liveness_;
  const CudaAllocator* gpu_memory_;
  StepDemand demand_;
  StepLayout layout_;
  std::shared_ptr<std::byte> memory_, staging_, page_memory_;
  StreamOwner stream_, side_stream_, aside_stream_;
  std::unique_ptr<StreamClock> clock_;
  std::vector<SharedMoment> copies_;  ///< that the batch in hand waits for
  std::unique_ptr<Multiplier> multiplier_, side_multiplier_;
  ProgressPage* page_ = nullptr;
  std::deque<InFlight> in_flight_;
  std::function<void()> watch_;
  bool untaken_ = false;
};

}  // namespace millrace::cuda
