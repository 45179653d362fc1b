#include "labels.hpp"

#include <algorithm>

namespace millrace::stages {

std::optional<ValueRange> range_of_integers(DType dtype, const std::byte* bytes, std::size_t size) {
  const std::size_t count = size / size_of(dtype);
  if (!is_integer(dtype) || count == 0) return {};
  return with_integers(dtype, bytes, [&](const auto* values) {
    const auto [least, greatest] = std::minmax_element(values, values + count);
    return ValueRange{static_cast<double>(*least), static_cast<double>(*greatest)};
  });
}

}  // namespace millrace::stages
