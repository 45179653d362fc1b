// The formulas of activations and optimizers over arrays, with the choice of formula outside the loop so that each loop vectorizes.
#pragma once

#include "nn/optimizers.hpp"

#include <millrace/model.hpp>

#include <cstdint>
#include <span>

namespace millrace::cpu {

/// values[i, j] = activation(values[i, j] + bias[j]); rows lie `stride` floats apart; bias may be null. Softmax is left to
/// the loss.
void add_bias_and_activate(Activation activation, const float* bias, std::int64_t rows, std::int64_t columns,
                           std::int64_t stride, float* values);

/// delta[i, j] *= d activation at output[i, j]; rows of both lie `stride` floats apart.
void activation_backward(Activation activation, const float* output, std::int64_t rows, std::int64_t columns,
                         std::int64_t stride, float* delta);

/// Arrays of one optimizer update; what the rule does not use is null.
struct UpdateArrays {
  float* weights = nullptr;
  const float* gradient = nullptr;
  float* state[nn::kMostStateSlots] = {};
};
void apply_update(nn::UpdateRule rule, const nn::Coefficients& coefficients, std::int64_t count,
                  const UpdateArrays& arrays);

/// gradient[i] += twice_l2 * weights[i]
void add_l2_gradient(float twice_l2, const float* weights, std::int64_t count, float* gradient);

/// values[i] *= factor
void scale(float factor, std::int64_t count, float* values);

/// Sum of squares in double, in an order that depends on `count` alone.
double sum_of_squares(const float* values, std::int64_t count);

/// out[j] = sum of values[i, j] over the rows, in row order; rows lie `stride` floats apart.
void sum_columns(const float* values, std::int64_t rows, std::int64_t stride, std::int64_t columns, float* out);

}  // namespace millrace::cpu
