// Loops over the formulas. Built with -fno-math-errno, without which no root is vectorised.
#include "elementwise.hpp"

#include "nn/loss.hpp"

#include <algorithm>

namespace millrace::cpu {
namespace {

template <class F>
void for_each_sum(const float* bias, std::int64_t rows, std::int64_t columns, std::int64_t stride, float* values, F f) {
  for (std::int64_t i = 0; i < rows; ++i) {
    float* row = values + i * stride;
    if (bias)
      for (std::int64_t j = 0; j < columns; ++j) row[j] = f(row[j] + bias[j]);
    else
      for (std::int64_t j = 0; j < columns; ++j) row[j] = f(row[j]);
  }
}

template <class F>
void scale_by(const float* output, std::int64_t rows, std::int64_t columns, std::int64_t stride, float* delta, F f) {
  for (std::int64_t i = 0; i < rows; ++i, output += stride, delta += stride)
    for (std::int64_t j = 0; j < columns; ++j) delta[j] *= f(output[j]);
}

template <class F>
void update0(std::int64_t n, const UpdateArrays& a, const math::UpdateConstants& c, F f) {
  float* __restrict w = a.weights;
  const float* __restrict g = a.gradient;
  for (std::int64_t i = 0; i < n; ++i) f(w[i], g[i], c);
}
template <class F>
void update1(std::int64_t n, const UpdateArrays& a, const math::UpdateConstants& c, F f) {
  float* __restrict w = a.weights;
  const float* __restrict g = a.gradient;
  float* __restrict s = a.state[0];
  for (std::int64_t i = 0; i < n; ++i) f(w[i], g[i], s[i], c);
}
template <class F>
void update2(std::int64_t n, const UpdateArrays& a, const math::UpdateConstants& c, F f) {
  float* __restrict w = a.weights;
  const float* __restrict g = a.gradient;
  float* __restrict s = a.state[0];
  float* __restrict t = a.state[1];
  for (std::int64_t i = 0; i < n; ++i) f(w[i], g[i], s[i], t[i], c);
}

}  // namespace

void add_bias_and_activate(Activation activation, const float* bias, std::int64_t rows, std::int64_t columns,
                           std::int64_t stride, float* values) {
  switch (activation) {
    case Activation::relu:
      return for_each_sum(bias, rows, columns, stride, values, [](float z) { return math::relu(z); });
    case Activation::sigmoid:
      return for_each_sum(bias, rows, columns, stride, values, [](float z) { return math::sigmoid(z); });
    case Activation::tanh:
      return for_each_sum(bias, rows, columns, stride, values, [](float z) { return math::hyperbolic_tangent(z); });
    case Activation::linear:
    case Activation::softmax:
      if (bias) for_each_sum(bias, rows, columns, stride, values, [](float z) { return z; });
  }
}

void multiply_by_slope(Activation activation, const float* output, std::int64_t rows, std::int64_t columns,
                       std::int64_t stride, float* delta) {
  switch (activation) {
    case Activation::relu:
      return scale_by(output, rows, columns, stride, delta, [](float a) { return math::relu_slope(a); });
    case Activation::sigmoid:
      return scale_by(output, rows, columns, stride, delta, [](float a) { return math::sigmoid_slope(a); });
    case Activation::tanh:
      return scale_by(output, rows, columns, stride, delta, [](float a) { return math::tanh_slope(a); });
    case Activation::linear:
    case Activation::softmax:
      return;
  }
}

void update(nn::UpdateRule rule, const math::UpdateConstants& c, std::int64_t n, const UpdateArrays& a) {
  using Constants = math::UpdateConstants;
  switch (rule) {
    case nn::UpdateRule::sgd:
      return update0(n, a, c, [](float& w, float g, const Constants& k) { math::sgd(w, g, k); });
    case nn::UpdateRule::sgd_momentum:
      return update1(n, a, c, [](float& w, float g, float& v, const Constants& k) { math::sgd_momentum(w, g, v, k); });
    case nn::UpdateRule::sgd_nesterov:
      return update1(n, a, c, [](float& w, float g, float& v, const Constants& k) { math::sgd_nesterov(w, g, v, k); });
    case nn::UpdateRule::rmsprop:
      return update1(n, a, c, [](float& w, float g, float& s, const Constants& k) { math::rmsprop(w, g, s, k); });
    case nn::UpdateRule::rmsprop_momentum:
      return update2(n, a, c, [](float& w, float g, float& s, float& v, const Constants& k) {
        math::rmsprop_momentum(w, g, s, v, k);
      });
    case nn::UpdateRule::adam:
      return update2(n, a, c,
                     [](float& w, float g, float& m, float& s, const Constants& k) { math::adam(w, g, m, s, k); });
  }
}

void add_penalty_gradient(float twice_l2, const float* weights, std::int64_t count, float* gradient) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] += twice_l2 * weights[i];
}

void scale(float factor, std::int64_t count, float* values) {
  for (std::int64_t i = 0; i < count; ++i) values[i] *= factor;
}

double sum_of_squares(const float* values, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;  // independent sums, so that the loop vectorises in a fixed order
  double lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) {
      const auto x = static_cast<double>(values[i + j]);
      lanes[j] += x * x;
    }
  for (std::int64_t j = 0; i + j < count; ++j) {
    const auto x = static_cast<double>(values[i + j]);
    lanes[j] += x * x;
  }
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

void sum_columns(const float* values, std::int64_t rows, std::int64_t stride, std::int64_t columns, float* out) {
  constexpr std::int64_t kColumns = 64;  // as many sums as stay in registers
  for (std::int64_t first = 0; first < columns; first += kColumns) {
    const std::int64_t count = std::min(kColumns, columns - first);
    float sums[kColumns] = {};
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* row = values + i * stride + first;
      if (count == kColumns)
        for (std::int64_t j = 0; j < kColumns; ++j) sums[j] += row[j];
      else
        for (std::int64_t j = 0; j < count; ++j) sums[j] += row[j];
    }
    std::copy_n(sums, count, out + first);
  }
}

}  // namespace millrace::cpu
