// How numbers that need not be finite are written in messages.
#pragma once

#include <cmath>
#include <concepts>

namespace millrace {

/// The number to hand to a formatter. The sign of a NaN says nothing, and processors set it: 0/0 would read "-nan".
template <std::floating_point Number>
Number without_nan_sign(Number value) {
  return std::isnan(value) ? std::fabs(value) : value;
}

}  // namespace millrace
