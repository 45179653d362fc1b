// Every elementwise formula of training, once: activations, losses, their gradients, optimizer updates, dropout. The CPU code
// and device code include the same functions.
//
// They take and give single values, so that a loop over them vectorises and gives the same bits for any vector width.
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

// --- activations -------------------------------------------------------------------------------------------------------

MILLRACE_HOST_DEVICE inline float relu(float z) {
  return z < 0.0F ? 0.0F : z;
}  // a NaN stays one, so the loss shows it

/// 1 / (1 + e^-z), without cancellation on either side.
MILLRACE_HOST_DEVICE inline float sigmoid(float z) { return 1.0F / (1.0F + exponential(-z)); }

/// -q / (q + 2) with q = e^-2z - 1; q is taken without cancellation near 0.
MILLRACE_HOST_DEVICE inline float hyperbolic_tangent(float z) {
  const float clamped = z > 10.0F ? 10.0F : (z < -10.0F ? -10.0F : z);  // 1 - tanh(10) is below half an ulp
  const ReducedExponent e = reduce_exponent(-2.0F * clamped);
  const float scale = power_of_two(e.n);
  const float q = scale * expm1_reduced(e.r) + (scale - 1.0F);
  return -q / (q + 2.0F);
}

/// d activation / dz, from the activation's value. Softmax has no elementwise derivative.
MILLRACE_HOST_DEVICE inline float relu_slope(float a) { return a > 0.0F ? 1.0F : 0.0F; }
MILLRACE_HOST_DEVICE inline float sigmoid_slope(float a) { return a * (1.0F - a); }
MILLRACE_HOST_DEVICE inline float tanh_slope(float a) { return 1.0F - a * a; }

// --- dropout -----------------------------------------------------------------------------------------------------------

/// Inverted dropout: a kept unit is divided by the share that is kept, so that evaluation needs no scaling.
/// Source: Srivastava et al., "Dropout", JMLR 15 (2014), section 10.
MILLRACE_HOST_DEVICE inline bool dropout_keeps(float uniform, float rate) { return uniform >= rate; }
MILLRACE_HOST_DEVICE inline float dropout_scale(float rate) { return 1.0F / (1.0F - rate); }

// --- losses of one output ------------------------------------------------------------------------------------------------

/// Cross-entropy of a sigmoid from its logit: -y ln s(z) - (1 - y) ln(1 - s(z)), written so that nothing overflows.
MILLRACE_HOST_DEVICE inline float sigmoid_crossentropy(float z, float y) {
  const float positive = z < 0.0F ? 0.0F : z;
  return positive - z * y + std::log1p(std::exp(-std::fabs(z)));
}
MILLRACE_HOST_DEVICE inline float squared_error(float p, float y) { return (p - y) * (p - y); }

// --- optimizers ----------------------------------------------------------------------------------------------------------

/// Constants of an update, rounded to float32 once a step. `one_minus_*` come from the exact decimals.
struct UpdateConstants {
  float learning_rate = 0, momentum = 0;
  float rho = 0, one_minus_rho = 0, epsilon = 0;
  float one_minus_beta1 = 0, one_minus_beta2 = 0;
  float adam_rate = 0;  ///< learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)
};

MILLRACE_HOST_DEVICE inline void sgd(float& w, float g, const UpdateConstants& c) { w -= c.learning_rate * g; }

/// Source: Keras's SGD: velocity = momentum * velocity - learning_rate * g.
MILLRACE_HOST_DEVICE inline void sgd_momentum(float& w, float g, float& velocity, const UpdateConstants& c) {
  velocity = c.momentum * velocity - c.learning_rate * g;
  w += velocity;
}
MILLRACE_HOST_DEVICE inline void sgd_nesterov(float& w, float g, float& velocity, const UpdateConstants& c) {
  velocity = c.momentum * velocity - c.learning_rate * g;
  w += c.momentum * velocity - c.learning_rate * g;
}

/// Source: Tieleman and Hinton, Coursera lecture 6.5 (2012), in Keras's form: epsilon stands inside the root.
MILLRACE_HOST_DEVICE inline float rmsprop_increment(float g, float& mean_square, const UpdateConstants& c) {
  mean_square = c.rho * mean_square + c.one_minus_rho * (g * g);
  return c.learning_rate * g / std::sqrt(mean_square + c.epsilon);
}
MILLRACE_HOST_DEVICE inline void rmsprop(float& w, float g, float& mean_square, const UpdateConstants& c) {
  w -= rmsprop_increment(g, mean_square, c);
}
MILLRACE_HOST_DEVICE inline void rmsprop_momentum(float& w, float g, float& mean_square, float& velocity,
                                                  const UpdateConstants& c) {
  velocity = c.momentum * velocity + rmsprop_increment(g, mean_square, c);
  w -= velocity;
}

/// Source: Kingma and Ba, "Adam", ICLR 2015, end of section 2: the bias correction sits in the rate.
MILLRACE_HOST_DEVICE inline void adam(float& w, float g, float& mean, float& mean_square, const UpdateConstants& c) {
  mean += (g - mean) * c.one_minus_beta1;
  mean_square += (g * g - mean_square) * c.one_minus_beta2;
  w -= mean * c.adam_rate / (std::sqrt(mean_square) + c.epsilon);
}

}  // namespace millrace::math
