// The deviation is taken around the mean in a second pass, so that large values do not cancel.
#include "tensor_values.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace millrace::pipelines {
namespace {

template <class T>
std::vector<double> converted(std::span<const T> values) {
  return {values.begin(), values.end()};
}

}  // namespace

std::vector<double> values_of(const Tensor& tensor) {
  if (tensor.spec().encoding.kind != EncodingKind::dense) return converted(tensor.f32());
  switch (tensor.spec().dtype) {
    case DType::u8:
      return converted(tensor.stored<std::uint8_t>());
    case DType::i8:
      return converted(tensor.stored<std::int8_t>());
    case DType::i16:
      return converted(tensor.stored<std::int16_t>());
    case DType::i32:
      return converted(tensor.stored<std::int32_t>());
    case DType::f32:
      return converted(tensor.stored<float>());
    case DType::f64:
      return converted(tensor.stored<double>());
  }
  return {};
}

ValueStatistics statistics_of(std::span<const double> values) {
  ValueStatistics found;
  found.values = static_cast<std::int64_t>(values.size());
  double sum = 0;
  std::int64_t finite = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) {
      ++found.not_finite;
      continue;
    }
    found.min = finite == 0 ? value : std::min(found.min, value);
    found.max = finite == 0 ? value : std::max(found.max, value);
    found.zeros += value == 0 ? 1 : 0;
    sum += value;
    ++finite;
  }
  if (finite == 0 && !values.empty())
    found.min = found.max = found.mean = found.deviation = std::numeric_limits<double>::quiet_NaN();
  if (finite == 0) return found;
  found.mean = sum / static_cast<double>(finite);
  double squares = 0;
  for (const double value : values)
    if (std::isfinite(value)) squares += (value - found.mean) * (value - found.mean);
  found.deviation = std::sqrt(squares / static_cast<double>(finite));
  return found;
}

}  // namespace millrace::pipelines
