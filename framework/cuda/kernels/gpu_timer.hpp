// The GPU's own clock, for kernels. Only nvcc reads it; the tests have one of their own for the emulated GPU.
#pragma once

#include <cstdint>

namespace millrace::cuda {

/// Nanoseconds since some moment, the same for all multiprocessors; some GPUs count in steps of about a microsecond.
__device__ inline std::uint64_t gpu_nanoseconds() {
  std::uint64_t now = 0;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

}  // namespace millrace::cuda
