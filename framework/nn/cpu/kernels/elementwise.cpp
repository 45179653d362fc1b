// Loops over the formulas. Built with -fno-math-errno, without which no root is vectorized.
#include "elementwise.hpp"

#include "nn/activations.hpp"

#include <algorithm>
#include <utility>

namespace millrace::cpu {
namespace {

template <class F>
void for_each_preactivation(const float* bias, std::int64_t rows, std::int64_t columns, std::int64_t stride,
                            float* values, F f) {
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

template <class Rule, class... State>
void update_by(const Rule rule, std::int64_t count, float* __restrict w, const float* __restrict g,
               State* __restrict... state) {
  for (std::int64_t i = 0; i < count; ++i) rule.apply(w[i], g[i], state[i]...);
}

template <class Rule, std::size_t... I>
void update_by(const Rule& rule, std::int64_t count, const UpdateArrays& a, std::index_sequence<I...> /*slots*/) {
  update_by(rule, count, a.weights, a.gradient, a.state[I]...);
}

}  // namespace

void add_bias_and_activate(Activation activation, const float* bias, std::int64_t rows, std::int64_t columns,
                           std::int64_t stride, float* values) {
  nn::visit(activation, [&](auto tag) {
    using A = typename decltype(tag)::Type;
    if constexpr (A::kIsPerValue)
      for_each_preactivation(bias, rows, columns, stride, values, [](float z) { return A::value(z); });
    else if (bias)
      for_each_preactivation(bias, rows, columns, stride, values, [](float z) { return z; });
  });
}

void activation_backward(Activation activation, const float* output, std::int64_t rows, std::int64_t columns,
                         std::int64_t stride, float* delta) {
  nn::visit(activation, [&](auto tag) {
    using A = typename decltype(tag)::Type;
    if constexpr (A::kIsPerValue)
      scale_by(output, rows, columns, stride, delta, [](float a) { return A::derivative(a); });
  });
}

void apply_update(nn::UpdateRule rule, const nn::Coefficients& coefficients, std::int64_t count,
                  const UpdateArrays& arrays) {
  nn::visit(rule, [&](auto tag) {
    using Rule = typename decltype(tag)::Type;
    update_by(coefficients.as<Rule>(), count, arrays, std::make_index_sequence<Rule::kState.size()>());
  });
}

void add_l2_gradient(float twice_l2, const float* weights, std::int64_t count, float* gradient) {
  for (std::int64_t i = 0; i < count; ++i) gradient[i] += twice_l2 * weights[i];
}

void scale(float factor, std::int64_t count, float* values) {
  for (std::int64_t i = 0; i < count; ++i) values[i] *= factor;
}

double sum_of_squares(const float* values, std::int64_t count) {
  constexpr std::int64_t kLanes = 16;  // independent sums, so that the loop vectorizes in a fixed order
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
