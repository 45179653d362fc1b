// The least and the greatest value in the stored type, with the positions where they are found.
#include "labels.hpp"

#include <algorithm>

namespace millrace::stages {

std::optional<IntegerExtremes> extremes_of_integers(DType dtype, const std::byte* bytes, std::size_t size) {
  const std::size_t count = size / size_of(dtype);
  if (!is_integer(dtype) || count == 0) return {};
  return with_integers(dtype, bytes, [&](const auto* values) {
    const auto least = std::min_element(values, values + count), greatest = std::max_element(values, values + count);
    return IntegerExtremes{*least, *greatest, static_cast<std::size_t>(least - values),
                           static_cast<std::size_t>(greatest - values)};
  });
}

}  // namespace millrace::stages
