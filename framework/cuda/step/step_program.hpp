// The work of a step, ready to be enqueued: kernels, planned products and, once captured, one CUDA graph.
#pragma once

#include "cuda/kernels/matmul.hpp"
#include "cuda/runtime/handles.hpp"
#include "cuda/step/step_order.hpp"

#include <array>
#include <functional>
#include <map>
#include <variant>
#include <vector>

namespace millrace::cuda {

/// What work of a stream runs on. `multiplier` may be null where nothing multiplies; no two streams share one.
struct WorkStream {
  cudaStream_t stream = nullptr;
  const Multiplier* multiplier = nullptr;
};
/// By StreamRole.
using WorkStreams = std::array<WorkStream, kStreams>;

/// Enqueues the sum over all ranks onto a stream, which may be capturing.
using ReduceOverRanks = std::function<void(const AllReduce&, cudaStream_t)>;

/// One thread at a time. The device of the caller's thread must be the one the memory is on.
class StepProgram {
 public:
  /// Plans every product of `ops`. `order` may be empty: then all of it runs on the chain's stream, one after the other.
  /// Throws Error("no-algorithm", run) when cuBLASLt has none for a product without epilogue.
  StepProgram(const Ops& ops, StepOrder order, const WorkStreams& streams, ReduceOverRanks reduce = {});

  /// Enqueues the kernels one by one; what is enqueued on the chain's stream afterward comes behind all of them. The first
  /// time this loads them, which may synchronize.
  void enqueue() const;
  /// Records them into a graph; `enqueue` must have run before, because nothing may be loaded while capturing.
  void capture();
  bool is_captured() const { return graph_.get() != nullptr; }
  /// Enqueues the captured graph on the chain's stream: one call for the whole step.
  void replay() const;

 private:
  cudaStream_t stream_of(std::size_t op) const;
  cudaStream_t chain() const { return streams_[0].stream; }
  void wait(cudaStream_t stream, std::size_t op) const;

  std::vector<std::variant<Op, MatmulPlan>> work_;
  StepOrder order_;
  WorkStreams streams_;
  ReduceOverRanks reduce_;
  std::map<std::size_t, EventOwner> events_;  ///< events behind the operations that another stream waits for
  GraphExecOwner graph_;
};

}  // namespace millrace::cuda
