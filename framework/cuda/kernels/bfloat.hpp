// bf16 as the upper half of a float32, for host and device code.
#pragma once

#include <millrace/detail/host_device.hpp>

#include <bit>
#include <cstdint>

namespace millrace::cuda {

/// Rounded to nearest, ties to even; a NaN stays one.
MILLRACE_HOST_DEVICE inline std::uint16_t to_bfloat(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

MILLRACE_HOST_DEVICE inline float from_bfloat(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

}  // namespace millrace::cuda
