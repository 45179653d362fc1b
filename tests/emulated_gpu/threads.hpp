// What a kernel sees of its threads. Read before anything else of a .cu file (-include), which is then plain C++.
#pragma once

#include <cuda_runtime_api.h>

#include <atomic>
#include <cmath>
#include <functional>

#define EMULATED_EXPORT __attribute__((visibility("default")))

#undef __global__
#undef __shared__
#undef __grid_constant__
#define __global__
#define __shared__ static thread_local
#define __grid_constant__
#define __CUDA_EMULATED__ 1

#define EMULATED_INDEX \
  extern EMULATED_EXPORT __attribute__((tls_model("initial-exec"))) thread_local  // read all the time
EMULATED_INDEX uint3 threadIdx, blockIdx;
EMULATED_INDEX dim3 blockDim, gridDim;

EMULATED_EXPORT void __syncthreads();
EMULATED_EXPORT int __syncthreads_and(int predicate);
inline void __threadfence_system() { std::atomic_thread_fence(std::memory_order_seq_cst); }

namespace emulated {

/// Puts a kernel on a stream: `thread` once for each thread of each block, in an order that changes, threads of a block taking
/// turns at barriers. The error of CUDA for sizes that no GPU takes, or what a test planted.
EMULATED_EXPORT cudaError_t launch(const char* name, dim3 grid, dim3 block, cudaStream_t stream,
                                   std::function<void()> thread);

}  // namespace emulated
