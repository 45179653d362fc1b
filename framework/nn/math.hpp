// What the formulas of activations, losses and layers are made of: an exponential, and dropout. The CPU code and device code
// include the same functions.
//
// They take and give single values, so that a loop over them vectorizes and gives the same bits for any vector width.
#pragma once

#include <millrace/detail/host_device.hpp>

#include <bit>
#include <cmath>
#include <cstdint>

namespace millrace::math {

// --- exponential -------------------------------------------------------------------------------------------------------

/// x = n * ln 2 + r with |r| <= ln 2 / 2, for |x| <= 87. Source: Cody and Waite, "Software Manual for the Elementary
/// Functions", 1980, chapter 6: ln 2 in two parts, the first exact in few bits.
struct ReducedExponent {
  float n, r;
};
MILLRACE_HOST_DEVICE inline ReducedExponent reduce_exponent(float x) {
  constexpr float kShift = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float n = (x * 1.44269504F + kShift) - kShift;
  return {n, (x - n * 0.693359375F) - n * -2.12194440e-4F};
}

/// e^r - 1 for |r| <= ln 2 / 2: Taylor series to r^7/7!, whose remainder is below 6e-9.
MILLRACE_HOST_DEVICE inline float expm1_reduced(float r) {
  float p = 1.0F / 5040.0F;
  p = p * r + 1.0F / 720.0F;
  p = p * r + 1.0F / 120.0F;
  p = p * r + 1.0F / 24.0F;
  p = p * r + 1.0F / 6.0F;
  p = p * r + 0.5F;
  return (p * r) * r + r;
}

/// 2^n for an integral n in [-126, 127].
MILLRACE_HOST_DEVICE inline float power_of_two(float n) {
  return std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

/// Keeps x inside [-87, 87], where e^x is a normal float32; a NaN stays one.
MILLRACE_HOST_DEVICE inline float clamp_exponent(float x) {
  x = x < -87.0F ? -87.0F : x;
  return x > 87.0F ? 87.0F : x;
}

MILLRACE_HOST_DEVICE inline float exponential(float x) {
  const ReducedExponent e = reduce_exponent(clamp_exponent(x));
  const float scale = power_of_two(e.n);
  return scale * expm1_reduced(e.r) + scale;
}

// --- dropout -----------------------------------------------------------------------------------------------------------

/// Inverted dropout: a kept unit is divided by the share that is kept, so that evaluation needs no scaling.
/// Source: Srivastava et al., "Dropout", JMLR 15 (2014), section 10.
MILLRACE_HOST_DEVICE inline bool dropout_keeps(float uniform, float rate) { return uniform >= rate; }
MILLRACE_HOST_DEVICE inline float dropout_scale(float rate) { return 1.0F / (1.0F - rate); }

}  // namespace millrace::math
