// Class ids of any integer type, read as 64-bit integers.
#pragma once

#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace millrace::stages {

/// Whether the type can hold class ids.
constexpr bool is_integer(DType dtype) { return dtype != DType::f32 && dtype != DType::f64; }

/// Calls `use` with the elements as a pointer to their own type. `dtype` must be an integer type.
template <class Use>
auto with_integers(DType dtype, const std::byte* bytes, Use use) {
  switch (dtype) {
    case DType::i8:
      return use(reinterpret_cast<const std::int8_t*>(bytes));
    case DType::i16:
      return use(reinterpret_cast<const std::int16_t*>(bytes));
    case DType::i32:
      return use(reinterpret_cast<const std::int32_t*>(bytes));
    default:
      return use(reinterpret_cast<const std::uint8_t*>(bytes));
  }
}

/// The least and the greatest of some integers, and which they are.
struct IntegerExtremes {
  std::int64_t least = 0, greatest = 0;
  std::size_t least_at = 0, greatest_at = 0;
};
/// Of `size` bytes of elements; nothing for other types than integers, or without elements.
std::optional<IntegerExtremes> extremes_of_integers(DType dtype, const std::byte* bytes, std::size_t size);

}  // namespace millrace::stages
