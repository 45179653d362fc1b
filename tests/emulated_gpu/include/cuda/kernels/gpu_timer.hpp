// In the place of framework/cuda/kernels/gpu_timer.hpp where kernels are plain C++ for the emulated GPU.
#pragma once

#include <chrono>
#include <cstdint>

namespace millrace::cuda {

inline std::uint64_t gpu_nanoseconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

}  // namespace millrace::cuda
