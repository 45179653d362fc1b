// The closed sets a model is described with, apart from model.hpp so that device code can include them.
#pragma once

#include <cstdint>

namespace millrace {

enum class Activation : std::uint8_t { linear, relu, sigmoid, tanh, softmax };
enum class Loss : std::uint8_t { categorical_crossentropy, binary_crossentropy, mse };
enum class LayerKind : std::uint8_t { dense, dropout };
/// To what the factors of matrix products may be rounded. Weights, sums, activations and updates are float32 always. It is a
/// permission: a device that gains nothing by it computes in float32.
enum class Precision : std::uint8_t { float32, tf32, bf16 };

}  // namespace millrace
