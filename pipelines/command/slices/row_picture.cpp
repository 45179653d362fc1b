// A row looks like an image when it is a rectangle, or a list as long as a square of the sides that pictures have.
#include "row_picture.hpp"

#include <cmath>

namespace millrace::pipelines {

PictureSize picture_of(const RowShape& shape) {
  if (shape.size() == 2) return {shape[0], shape[1]};
  if (shape.size() == 3 && shape[2] == 1) return {shape[0], shape[1]};
  if (shape.size() != 1) return {};
  const auto side = static_cast<std::int64_t>(std::lround(std::sqrt(static_cast<double>(shape[0]))));
  return side * side == shape[0] && side >= 2 * kLeastSide ? PictureSize{side, side} : PictureSize{};
}

std::uint8_t gray(double value, const TensorSpec& spec, const ValueStatistics& all) {
  const bool is_byte = spec.dtype == DType::u8 && spec.encoding.kind == EncodingKind::dense;
  if (is_byte) return static_cast<std::uint8_t>(value);
  if (!std::isfinite(value) || all.max <= all.min) return 0;
  return static_cast<std::uint8_t>(std::lround((value - all.min) / (all.max - all.min) * 255));
}

}  // namespace millrace::pipelines
