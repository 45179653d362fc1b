// The losses, one struct each: its name, the loss of a row of outputs, its gradient, and what it asks of targets and of the last
// layer. Names in configs, checks, the CPU's step and the kernels of a GPU derive from the list `Losses`.
#pragma once

#include "activations.hpp"
#include "target_row.hpp"
#include "type_list.hpp"

#include <millrace/detail/model_kinds.hpp>

#include <cmath>
#include <cstdint>

namespace millrace::nn {

// Each loss has
//   finish_row(activation, z, n, y)                  in place, logits become outputs; returns the loss of the row
//   gradient_row(activation, p, n, y, scale, delta)  d loss / d logits, times `scale`, from the outputs p
// where `activation` is that of the last layer, and y the targets.

/// -sum y ln p. Source: Goodfellow, Bengio, Courville, "Deep Learning", 2016, section 6.2.2: from the logits, since p underflows.
struct CategoricalCrossentropy {
  static constexpr Loss kKind = Loss::categorical_crossentropy;
  static constexpr const char* kName = "categorical_crossentropy";
  static constexpr bool kTakesProbabilities = true, kTakesRowsOfSumOne = true;
  static constexpr bool kNeedsActivation = true;
  static constexpr Activation kActivation = Activation::softmax;

  MILLRACE_HOST_DEVICE static float finish_row(Activation /*softmax*/, float* z, std::int64_t n, const TargetRow& y) {
    Softmax::shift(z, n);
    float weighted = 0, total = 0;
    for (std::int64_t j = 0; j < n; ++j) {
      weighted += y(j) * z[j];
      total += y(j);
    }
    return total * Softmax::normalize(z, n) - weighted;
  }
  MILLRACE_HOST_DEVICE static void gradient_row(Activation /*softmax*/, const float* p, std::int64_t n,
                                                const TargetRow& y, float scale, float* delta) {
    float total = 0;
    for (std::int64_t j = 0; j < n; ++j) total += y(j);
    for (std::int64_t j = 0; j < n; ++j) delta[j] = (p[j] * total - y(j)) * scale;
  }
};

/// Mean over the outputs of -y ln p - (1 - y) ln(1 - p).
struct BinaryCrossentropy {
  static constexpr Loss kKind = Loss::binary_crossentropy;
  static constexpr const char* kName = "binary_crossentropy";
  static constexpr bool kTakesProbabilities = true, kTakesRowsOfSumOne = false;
  static constexpr bool kNeedsActivation = true;
  static constexpr Activation kActivation = Activation::sigmoid;

  /// Of one output from its logit: -y ln s(z) - (1 - y) ln(1 - s(z)), written so that nothing overflows.
  MILLRACE_HOST_DEVICE static float of_logit(float z, float y) {
    const float positive = z < 0.0F ? 0.0F : z;
    return positive - z * y + std::log1p(std::exp(-std::fabs(z)));
  }
  MILLRACE_HOST_DEVICE static float finish_row(Activation /*sigmoid*/, float* z, std::int64_t n, const TargetRow& y) {
    float sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += of_logit(z[j], y(j));
    Sigmoid::activate_row(z, n);
    return sum / static_cast<float>(n);
  }
  MILLRACE_HOST_DEVICE static void gradient_row(Activation /*sigmoid*/, const float* p, std::int64_t n,
                                                const TargetRow& y, float scale, float* delta) {
    const float share = scale / static_cast<float>(n);
    for (std::int64_t j = 0; j < n; ++j) delta[j] = (p[j] - y(j)) * share;
  }
};

/// Mean over the outputs of (p - y)^2, behind any activation.
struct MeanSquaredError {
  static constexpr Loss kKind = Loss::mse;
  static constexpr const char* kName = "mse";
  static constexpr bool kTakesProbabilities = false, kTakesRowsOfSumOne = false;
  static constexpr bool kNeedsActivation = false;
  static constexpr Activation kActivation = Activation::linear;

  MILLRACE_HOST_DEVICE static float squared_error(float p, float y) { return (p - y) * (p - y); }
  MILLRACE_HOST_DEVICE static float finish_row(Activation activation, float* z, std::int64_t n, const TargetRow& y) {
    visit(activation, [&](auto tag) { decltype(tag)::Type::activate_row(z, n); });
    float sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += squared_error(z[j], y(j));
    return sum / static_cast<float>(n);
  }
  MILLRACE_HOST_DEVICE static void gradient_row(Activation activation, const float* p, std::int64_t n,
                                                const TargetRow& y, float scale, float* delta) {
    const float share = scale / static_cast<float>(n);
    for (std::int64_t j = 0; j < n; ++j) delta[j] = 2.0F * (p[j] - y(j)) * share;
    visit(activation, [&](auto tag) { decltype(tag)::Type::backward_row(p, n, delta); });
  }
};

/// In the order of the enumeration.
using Losses = TypeList<CategoricalCrossentropy, BinaryCrossentropy, MeanSquaredError>;

/// f(Tag<L>) for the struct of a loss.
template <class F>
MILLRACE_HOST_DEVICE constexpr decltype(auto) visit(Loss loss, F&& f) {
  return visit_at(static_cast<std::size_t>(loss), Losses(), f);
}

/// In place: logits become outputs, where there are no targets.
MILLRACE_HOST_DEVICE inline void apply_activation(Activation activation, float* z, std::int64_t n) {
  visit(activation, [&](auto tag) { decltype(tag)::Type::activate_row(z, n); });
}

/// In place: logits become outputs. Returns the loss of the row: NaN for a crossentropy of what are no probabilities, so that a
/// step on any device ends the run.
MILLRACE_HOST_DEVICE inline float finish_outputs(Loss loss, Activation activation, float* z, std::int64_t n,
                                                 const TargetRow& y) {
  return visit(loss, [&](auto tag) {
    using L = typename decltype(tag)::Type;
    const bool is_undefined = L::kTakesProbabilities && has_no_probability(y, n);
    const float found = L::finish_row(activation, z, n, y);
    return is_undefined ? NAN : found;
  });
}

/// d loss / d logits of the last layer, times `scale`, from the outputs p.
MILLRACE_HOST_DEVICE inline void loss_gradient(Loss loss, Activation activation, const float* p, std::int64_t n,
                                               const TargetRow& y, float scale, float* delta) {
  visit(loss, [&](auto tag) { decltype(tag)::Type::gradient_row(activation, p, n, y, scale, delta); });
}

}  // namespace millrace::nn
