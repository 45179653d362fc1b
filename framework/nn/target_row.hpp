// The targets of one row, as a loss and a metric read them: one-hot targets need not be written out.
#pragma once

#include <millrace/detail/host_device.hpp>

#include <cstdint>

namespace millrace::nn {

/// Target values of one row: all of them, or the one class that is 1.
struct TargetRow {
  const float* values = nullptr;
  std::int64_t hot = -1;
  MILLRACE_HOST_DEVICE float operator()(std::int64_t j) const { return values ? values[j] : (j == hot ? 1.0F : 0.0F); }
};

/// Beyond rounding outside of [0, 1], where a crossentropy has no lower bound and its steps lead nowhere. NaN is not: the loss
/// shows it.
MILLRACE_HOST_DEVICE inline bool is_no_probability(float y) { return y < -1e-6F || y > 1.0F + 1e-6F; }

MILLRACE_HOST_DEVICE inline bool has_no_probability(const TargetRow& y, std::int64_t n) {
  bool has = false;
  for (std::int64_t j = 0; y.values && j < n; ++j) has |= is_no_probability(y.values[j]);
  return has;
}

}  // namespace millrace::nn
