// Matrix products by cuBLASLt, planned once and enqueued many times.
#pragma once

#include "cuda/kernels/step_ops.hpp"
#include "cuda/runtime/liveness.hpp"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <optional>

namespace millrace::cuda {

/// The library's handle and the workspace of one stream. Making it needs a GPU.
class Multiplier {
 public:
  /// `workspace` is `bytes` of the GPU's memory, aligned to 256; it belongs to the caller and outlives this.
  Multiplier(void* workspace, std::size_t bytes, SharedLiveness liveness);
  Multiplier(const Multiplier&) = delete;
  Multiplier& operator=(const Multiplier&) = delete;
  ~Multiplier();
  cublasLtHandle_t handle() const { return handle_; }
  void* workspace() const { return workspace_; }
  std::size_t workspace_bytes() const { return bytes_; }

 private:
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_;
  std::size_t bytes_;
  SharedLiveness liveness_;
};

/// A product with its descriptors and its algorithm.
class MatmulPlan {
 public:
  /// Nothing when the library has no algorithm for the product with its epilogue. Pointers must be the real ones: their
  /// alignment decides.
  static std::optional<MatmulPlan> make(const Multiplier& multiplier, const Matmul& product);
  MatmulPlan(MatmulPlan&&) noexcept;
  MatmulPlan& operator=(MatmulPlan&&) noexcept;
  ~MatmulPlan();

  /// Enqueues the product; does not synchronize. The multiplier outlives this.
  void enqueue(cudaStream_t stream) const;

 private:
  struct State;
  explicit MatmulPlan(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// How many kernels and other operations the product takes on the GPU. Runs it once, on whatever its operands hold; does not
/// synchronize.
std::size_t launches_of(const MatmulPlan& plan, cudaStream_t stream);

}  // namespace millrace::cuda
