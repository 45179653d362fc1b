// Matrices as the kernels of a step see them: row-major, one row a sample, `stride` elements apart; strides are multiples of 16, and
// what lies between the width and the stride is 0 and stays 0. All pointers are into the GPU's memory.
#pragma once

#include "cuda/kernels/access.hpp"
#include "cuda/kernels/bfloat.hpp"

#include <millrace/detail/host_device.hpp>

#include <cstdint>

namespace millrace::cuda {

/// Row and column of element i of a matrix.
struct Place {
  std::int64_t row, column;
};
MILLRACE_HOST_DEVICE inline Place place_of(std::int64_t i, std::int64_t stride) {
  if (i <= 0xFFFFFFFF && stride <= 0xFFFFFFFF) {  // a 64-bit division costs a GPU ten times as much
    const auto n = static_cast<std::uint32_t>(i), width = static_cast<std::uint32_t>(stride);
    return {n / width, n % width};
  }
  return {i / stride, i % stride};
}

/// Four neighbors in a row, which a GPU moves at once. Rows are a multiple of it.
struct alignas(16) Four {
  float at[4];
};
inline constexpr std::int64_t kFour = 4;
MILLRACE_HOST_DEVICE inline Four four_of(const float* values, std::int64_t group) {
  return reinterpret_cast<const Four*>(values)[group];
}

/// float32 values, and beside them the same as bf16 where a matrix product takes them so; either may be null.
struct FloatOut {
  float* f32 = nullptr;
  std::uint16_t* bf16 = nullptr;
  MILLRACE_HOST_DEVICE void set(std::int64_t i, float value) const {
    if (f32) f32[i] = value;
    if (bf16) bf16[i] = to_bfloat(value);
  }
  MILLRACE_HOST_DEVICE void set_four(std::int64_t group, const Four& values) const {
    struct alignas(8) FourBf16 {
      std::uint16_t at[4];
    };
    if (f32) reinterpret_cast<Four*>(f32)[group] = values;
    if (!bf16) return;
    FourBf16 halves;
    for (int k = 0; k < 4; ++k) halves.at[k] = to_bfloat(values.at[k]);
    reinterpret_cast<FourBf16*>(bf16)[group] = halves;
  }
  void written(AccessCollector& to, std::int64_t count) const {
    to.write(f32, count);
    to.write(bf16, count);
  }
};

}  // namespace millrace::cuda
