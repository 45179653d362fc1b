// A row as a gray picture.
#pragma once

#include "tensor_values.hpp"

#include <millrace/tensor.hpp>

#include <cstdint>

namespace millrace::pipelines {

inline constexpr std::int64_t kLeastSide = 6, kMostSide = 64;  ///< of what is shown as a picture

struct PictureSize {
  std::int64_t height = 0, width = 0;
  bool is_one() const {
    return height >= kLeastSide && height <= kMostSide && width >= kLeastSide && width <= kMostSide;
  }
};

/// That of rows that look like images; else one that is none.
PictureSize picture_of(const RowShape& shape);
/// Bytes as they are; other values from black, the least, to white, the greatest.
std::uint8_t gray(double value, const TensorSpec& spec, const ValueStatistics& all);

}  // namespace millrace::pipelines
