// The work of a step, ready to be enqueued: kernels, planned products and, once captured, one CUDA graph.
#pragma once

#include "cuda/handles.hpp"
#include "cuda/matmul.hpp"
#include "cuda/step_ops.hpp"

#include <variant>
#include <vector>

namespace millrace::cuda {

/// One thread at a time. The device of the caller's thread must be the one the memory is on.
class StepProgram {
 public:
  /// Plans every product of `ops`. Throws Error("no-algorithm", run) when cuBLASLt has none for one without epilogue.
  StepProgram(const Ops& ops, const Multiplier& multiplier);

  /// Enqueues the kernels one by one. The first time this loads them, which may synchronise.
  void enqueue(cudaStream_t stream) const;
  /// Records them into a graph; `enqueue` must have run before, because nothing may be loaded while capturing.
  void capture(cudaStream_t stream);
  /// Enqueues the captured graph: one call for the whole step.
  void replay(cudaStream_t stream) const;

 private:
  std::vector<std::variant<Op, MatmulPlan>> work_;
  GraphExecOwner graph_;
};

}  // namespace millrace::cuda
