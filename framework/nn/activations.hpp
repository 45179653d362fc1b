// The activations, one struct each: its name, its formula, its derivative from its own value. Names in configs, the CPU's loops
// and the kernels of a GPU derive from the list `Activations`.
//
// A row is the pre-activations, then the activations, of one sample.
#pragma once

#include "math.hpp"
#include "type_list.hpp"

#include <millrace/detail/model_kinds.hpp>

#include <cmath>
#include <cstdint>

namespace millrace::nn {

// Each activation has kGivesProbabilities, whether its values may be taken for probabilities of classes, and kOnlyLast, whether it is for the
// last layer alone.

/// Activations that change each value by itself: `Derived` has value(z) and derivative(a), a = value(z).
template <class Derived>
struct PerValue {
  static constexpr bool kIsPerValue = true, kGivesProbabilities = false, kOnlyLast = false;
  /// In place: pre-activations become activations.
  MILLRACE_HOST_DEVICE static void activate_row(float* z, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) z[j] = Derived::value(z[j]);
  }
  /// In place: the gradient at the activations `a` becomes that at the pre-activations.
  MILLRACE_HOST_DEVICE static void backward_row(const float* a, std::int64_t n, float* delta) {
    for (std::int64_t j = 0; j < n; ++j) delta[j] = delta[j] * Derived::derivative(a[j]);
  }
};

struct Linear {
  static constexpr Activation kKind = Activation::linear;
  static constexpr const char* kName = "linear";
  static constexpr bool kIsPerValue = false;  // there is nothing to do
  static constexpr bool kGivesProbabilities = false, kOnlyLast = false;
  MILLRACE_HOST_DEVICE static void activate_row(float* /*z*/, std::int64_t /*n*/) {}
  MILLRACE_HOST_DEVICE static void backward_row(const float* /*a*/, std::int64_t /*n*/, float* /*delta*/) {}
};

/// A NaN stays one, so the loss shows it.
struct Relu : PerValue<Relu> {
  static constexpr Activation kKind = Activation::relu;
  static constexpr const char* kName = "relu";
  MILLRACE_HOST_DEVICE static float value(float z) { return z < 0.0F ? 0.0F : z; }
  MILLRACE_HOST_DEVICE static float derivative(float a) { return a > 0.0F ? 1.0F : 0.0F; }
};

/// 1 / (1 + e^-z), without cancellation on either side.
struct Sigmoid : PerValue<Sigmoid> {
  static constexpr Activation kKind = Activation::sigmoid;
  static constexpr const char* kName = "sigmoid";
  static constexpr bool kGivesProbabilities = true;
  MILLRACE_HOST_DEVICE static float value(float z) { return 1.0F / (1.0F + math::exponential(-z)); }
  MILLRACE_HOST_DEVICE static float derivative(float a) { return a * (1.0F - a); }
};

/// -q / (q + 2) with q = e^-2z - 1; q is taken without cancellation near 0.
struct Tanh : PerValue<Tanh> {
  static constexpr Activation kKind = Activation::tanh;
  static constexpr const char* kName = "tanh";
  MILLRACE_HOST_DEVICE static float value(float z) {
    const float clamped = z > 10.0F ? 10.0F : (z < -10.0F ? -10.0F : z);  // 1 - tanh(10) is below half an ulp
    const math::ReducedExponent e = math::reduce_exponent(-2.0F * clamped);
    const float scale = math::power_of_two(e.n);
    const float q = scale * math::expm1_reduced(e.r) + (scale - 1.0F);
    return -q / (q + 2.0F);
  }
  MILLRACE_HOST_DEVICE static float derivative(float a) { return 1.0F - a * a; }
};

/// e^z / sum of e^z over the row.
struct Softmax {
  static constexpr Activation kKind = Activation::softmax;
  static constexpr const char* kName = "softmax";
  static constexpr bool kIsPerValue = false, kGivesProbabilities = true, kOnlyLast = true;

  MILLRACE_HOST_DEVICE static void activate_row(float* z, std::int64_t n) {
    shift(z, n);
    normalize(z, n);
  }
  /// The Jacobian is diag(p) - p p^T.
  MILLRACE_HOST_DEVICE static void backward_row(const float* p, std::int64_t n, float* delta) {
    float along = 0;
    for (std::int64_t j = 0; j < n; ++j) along += delta[j] * p[j];
    for (std::int64_t j = 0; j < n; ++j) delta[j] = p[j] * (delta[j] - along);
  }
  /// In place: subtracts the largest value, so that e^z cannot overflow.
  MILLRACE_HOST_DEVICE static void shift(float* z, std::int64_t n) {
    float largest = z[0];
    for (std::int64_t j = 1; j < n; ++j) largest = z[j] > largest ? z[j] : largest;
    for (std::int64_t j = 0; j < n; ++j) z[j] -= largest;
  }
  /// In place: shifted logits become probabilities. Returns ln(sum of e^z).
  MILLRACE_HOST_DEVICE static float normalize(float* z, std::int64_t n) {
    float sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += z[j] = math::exponential(z[j]);
    for (std::int64_t j = 0; j < n; ++j) z[j] /= sum;
    return std::log(sum);
  }
};

/// In the order of the enumeration.
using Activations = TypeList<Linear, Relu, Sigmoid, Tanh, Softmax>;

/// f(Tag<A>) for the struct of an activation.
template <class F>
MILLRACE_HOST_DEVICE constexpr decltype(auto) visit(Activation activation, F&& f) {
  return visit_at(static_cast<std::size_t>(activation), Activations(), f);
}

}  // namespace millrace::nn
