// Losses of a row of outputs, their gradients and the metrics that come with them. `y(j)` gives target j, so that one-hot
// targets need not be written out.
#pragma once

#include "math.hpp"

#include <millrace/detail/model_kinds.hpp>

#include <cmath>
#include <cstdint>

namespace millrace::nn {

/// What one row adds to the sums of a batch.
struct RowResult {
  float loss = 0, absolute_error = 0, correct = 0;
};

/// Target values of one row: all of them, or the one class that is 1.
struct TargetRow {
  const float* values = nullptr;
  std::int64_t hot = -1;
  MILLRACE_HOST_DEVICE float operator()(std::int64_t j) const { return values ? values[j] : (j == hot ? 1.0F : 0.0F); }
};

/// Beyond rounding outside of [0, 1], where a crossentropy has no lower bound and its steps lead nowhere. NaN is not: the loss shows it.
MILLRACE_HOST_DEVICE inline bool is_no_probability(float y) { return y < -1e-6F || y > 1.0F + 1e-6F; }

MILLRACE_HOST_DEVICE inline bool has_no_probability(const TargetRow& y, std::int64_t n) {
  bool has = false;
  for (std::int64_t j = 0; y.values && j < n; ++j) has |= is_no_probability(y.values[j]);
  return has;
}

/// In place: subtracts the largest value, so that e^z cannot overflow.
MILLRACE_HOST_DEVICE inline void shift_row(float* z, std::int64_t n) {
  float largest = z[0];
  for (std::int64_t j = 1; j < n; ++j) largest = z[j] > largest ? z[j] : largest;
  for (std::int64_t j = 0; j < n; ++j) z[j] -= largest;
}

/// In place: shifted sums become probabilities. Returns ln(sum of e^z).
MILLRACE_HOST_DEVICE inline float softmax_row(float* z, std::int64_t n) {
  float sum = 0;
  for (std::int64_t j = 0; j < n; ++j) sum += z[j] = math::exponential(z[j]);
  for (std::int64_t j = 0; j < n; ++j) z[j] /= sum;
  return std::log(sum);
}

/// -sum y ln p. Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2: from the sums, since p underflows.
MILLRACE_HOST_DEVICE inline float softmax_crossentropy_row(float* z, std::int64_t n, const TargetRow& y) {
  shift_row(z, n);
  float weighted = 0, total = 0;
  for (std::int64_t j = 0; j < n; ++j) {
    weighted += y(j) * z[j];
    total += y(j);
  }
  return total * softmax_row(z, n) - weighted;
}

MILLRACE_HOST_DEVICE inline float activate(Activation activation, float z) {
  switch (activation) {
    case Activation::relu:
      return math::relu(z);
    case Activation::sigmoid:
      return math::sigmoid(z);
    case Activation::tanh:
      return math::hyperbolic_tangent(z);
    case Activation::linear:
    case Activation::softmax:
      break;
  }
  return z;
}

MILLRACE_HOST_DEVICE inline float slope(Activation activation, float a) {
  switch (activation) {
    case Activation::relu:
      return math::relu_slope(a);
    case Activation::sigmoid:
      return math::sigmoid_slope(a);
    case Activation::tanh:
      return math::tanh_slope(a);
    case Activation::linear:
    case Activation::softmax:
      break;
  }
  return 1.0F;
}

/// In place: sums of the last layer become outputs.
MILLRACE_HOST_DEVICE inline void activate_outputs(Activation activation, float* z, std::int64_t n) {
  if (activation == Activation::softmax) {
    shift_row(z, n);
    softmax_row(z, n);
  } else {
    for (std::int64_t j = 0; j < n; ++j) z[j] = activate(activation, z[j]);
  }
}

/// The same; returns the loss of the row: NaN for a crossentropy of what are no probabilities, so that a step on any device
/// ends the run.
MILLRACE_HOST_DEVICE inline float finish_outputs(Loss loss, Activation activation, float* z, std::int64_t n,
                                                 const TargetRow& y) {
  const bool is_undefined = loss != Loss::mse && has_no_probability(y, n);
  if (loss == Loss::categorical_crossentropy) {
    const float found = softmax_crossentropy_row(z, n, y);
    return is_undefined ? NAN : found;
  }
  float sum = is_undefined ? NAN : 0.0F;
  if (loss == Loss::binary_crossentropy)
    for (std::int64_t j = 0; j < n; ++j) sum += math::sigmoid_crossentropy(z[j], y(j));
  activate_outputs(activation, z, n);
  if (loss == Loss::mse)
    for (std::int64_t j = 0; j < n; ++j) sum += math::squared_error(z[j], y(j));
  return sum / static_cast<float>(n);
}

/// Whether the largest output stands where the largest target stands (the first of equals); of a single output, whether both
/// are on the same side of 0.5.
MILLRACE_HOST_DEVICE inline bool is_correct(const float* p, std::int64_t n, const TargetRow& y) {
  if (n == 1) return (p[0] > 0.5F) == (y(0) > 0.5F);
  std::int64_t best = 0, wanted = 0;
  float largest = p[0], most = y(0);  // kept, because a card's registers have no index
  for (std::int64_t j = 1; j < n; ++j) {
    if (p[j] > largest) largest = p[best = j];
    if (y(j) > most) most = y(wanted = j);
  }
  return best == wanted;
}

MILLRACE_HOST_DEVICE inline float mean_absolute_error(const float* p, std::int64_t n, const TargetRow& y) {
  float sum = 0;
  for (std::int64_t j = 0; j < n; ++j) sum += std::fabs(p[j] - y(j));
  return sum / static_cast<float>(n);
}

/// d loss / d sums of the last layer, times `scale`, from the outputs p. The pairs (categorical_crossentropy, softmax) and
/// (binary_crossentropy, sigmoid) have the form p - y.
MILLRACE_HOST_DEVICE inline void loss_gradient(Loss loss, Activation activation, const float* p, std::int64_t n,
                                               const TargetRow& y, float scale, float* delta) {
  if (loss == Loss::categorical_crossentropy) {
    float total = 0;
    for (std::int64_t j = 0; j < n; ++j) total += y(j);
    for (std::int64_t j = 0; j < n; ++j) delta[j] = (p[j] * total - y(j)) * scale;
    return;
  }
  const float share = scale / static_cast<float>(n);
  if (loss == Loss::binary_crossentropy) {
    for (std::int64_t j = 0; j < n; ++j) delta[j] = (p[j] - y(j)) * share;
    return;
  }
  for (std::int64_t j = 0; j < n; ++j) delta[j] = 2.0F * (p[j] - y(j)) * share * slope(activation, p[j]);
  if (activation != Activation::softmax) return;
  float along = 0;  // the softmax's Jacobian is diag(p) - p p^T
  for (std::int64_t j = 0; j < n; ++j) along += delta[j] * p[j];
  for (std::int64_t j = 0; j < n; ++j) delta[j] = p[j] * (delta[j] - along);
}

}  // namespace millrace::nn
