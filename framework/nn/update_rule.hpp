// The updates that math.hpp has a function for.
#pragma once

#include "math.hpp"

#include <cstdint>

namespace millrace::nn {

enum class UpdateRule : std::uint8_t { sgd, sgd_momentum, sgd_nesterov, rmsprop, rmsprop_momentum, adam };

}  // namespace millrace::nn
