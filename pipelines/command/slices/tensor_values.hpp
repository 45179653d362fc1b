// The values of a tensor as numbers, and what can be said of them.
#pragma once

#include <millrace/tensor.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::pipelines {

/// What the values mean, row by row: those of a scaled byte scaled, those of a class id a row of zeros and a one. Exact but for those that float32
/// rounds where the tensor is stored otherwise than as it means.
std::vector<double> values_of(const Tensor& tensor);

/// NaN where no value is finite; 0 where there is none at all.
struct ValueStatistics {
  double min = 0, max = 0, mean = 0, deviation = 0;
  std::int64_t values = 0, zeros = 0, not_finite = 0;
};
/// Of the finite values.
ValueStatistics statistics_of(std::span<const double> values);

}  // namespace millrace::pipelines
