// What a tensor looks like: types, extents and encodings, and stored bytes as float32. Sizes that come from outside are multiplied with a check.
#include <millrace/error.hpp>
#include <millrace/tensor.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

namespace millrace {
namespace {

template <class T>
void convert(const std::byte* stored, std::int64_t count, float* out) {
  const T* values = reinterpret_cast<const T*>(stored);
  for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(values[i]);
}

void convert_dense(DType dtype, const std::byte* stored, std::int64_t count, float* out) {
  switch (dtype) {
    case DType::u8:
      return convert<std::uint8_t>(stored, count, out);
    case DType::i8:
      return convert<std::int8_t>(stored, count, out);
    case DType::i16:
      return convert<std::int16_t>(stored, count, out);
    case DType::i32:
      return convert<std::int32_t>(stored, count, out);
    case DType::f32:
      std::memcpy(out, stored, static_cast<std::size_t>(count) * sizeof(float));
      return;
    case DType::f64:
      return convert<double>(stored, count, out);
  }
}

// Two roundings, since this file is built without contraction; four times as fast as looking bytes up in the table.
void decode_affine(const Encoding& encoding, const std::uint8_t* stored, std::int64_t count, float* out) {
  const float scale = encoding.scale, offset = encoding.offset;
  for (std::int64_t i = 0; i < count; ++i) {
    const float product = static_cast<float>(stored[i]) * scale;
    out[i] = product + offset;
  }
}

template <class T>
void expand_indicator(const std::byte* stored, std::int64_t rows, std::int64_t classes, float* out) {
  const T* ids = reinterpret_cast<const T*>(stored);
  std::fill_n(out, rows * classes, 0.0F);
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto id = static_cast<std::int64_t>(ids[r]);
    if (id < 0 || id >= classes)
      throw Error(ErrorKind::run, "label-out-of-range", fmt::format("row {} has class {}, classes {}", r, id, classes));
    out[r * classes + id] = 1.0F;
  }
}

}  // namespace

std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::u8:
    case DType::i8:
      return 1;
    case DType::i16:
      return 2;
    case DType::i32:
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
  }
  return 0;
}

std::string_view to_string(DType dtype) {
  constexpr std::array<std::string_view, 6> kNames{"u8", "i8", "i16", "i32", "f32", "f64"};
  return kNames.at(static_cast<std::size_t>(dtype));
}

std::string_view to_string(EncodingKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"dense", "affine_u8", "indicator"};
  return kNames.at(static_cast<std::size_t>(kind));
}

std::uint64_t checked_multiply(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product))
    throw Error(ErrorKind::data, "size-overflow", fmt::format("{} x {} does not fit into 64 bits", a, b));
  return product;
}

std::int64_t elements_of(const RowShape& shape) {
  std::uint64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0) throw Error(ErrorKind::data, "size-overflow", fmt::format("extent {} is negative", extent));
    product = checked_multiply(product, static_cast<std::uint64_t>(extent));
  }
  if (product > static_cast<std::uint64_t>(INT64_MAX))
    throw Error(ErrorKind::data, "size-overflow", fmt::format("a row of {} elements is too large", product));
  return static_cast<std::int64_t>(product);
}

std::string to_string(const RowShape& shape) {
  std::string text = "[n";
  for (const std::int64_t extent : shape) text += fmt::format(", {}", extent);
  return text + "]";
}

DType TensorSpec::stored_dtype() const {
  switch (encoding.kind) {
    case EncodingKind::dense:
      return dtype;
    case EncodingKind::affine_u8:
      return DType::u8;
    case EncodingKind::indicator:
      return encoding.classes <= 256 ? DType::u8 : DType::i32;
  }
  return dtype;
}

std::int64_t TensorSpec::stored_elements() const {
  return encoding.kind == EncodingKind::indicator ? 1 : elements_of(row_shape);
}

std::size_t TensorSpec::stored_row_bytes() const {
  return checked_multiply(static_cast<std::uint64_t>(stored_elements()), size_of(stored_dtype()));
}

std::size_t TensorSpec::logical_row_bytes() const {
  return checked_multiply(static_cast<std::uint64_t>(elements_of(row_shape)), size_of(dtype));
}

std::string TensorSpec::describe() const {
  std::string text = fmt::format("{} {}", to_string(dtype), to_string(row_shape));
  if (range) text += fmt::format(" in [{}, {}]", range->lo, range->hi);
  if (encoding.kind != EncodingKind::dense) text += fmt::format(" as {}", to_string(encoding.kind));
  return text;
}

void affine_table(const Encoding& encoding, std::span<float, 256> out) {
  std::array<std::uint8_t, 256> all{};
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  decode_affine(encoding, all.data(), static_cast<std::int64_t>(all.size()), out.data());
}

void decode_f32(const TensorSpec& spec, const std::byte* stored, std::int64_t rows, float* out) {
  const std::int64_t count = rows * elements_of(spec.row_shape);
  switch (spec.encoding.kind) {
    case EncodingKind::dense:
      return convert_dense(spec.dtype, stored, count, out);
    case EncodingKind::affine_u8:
      return decode_affine(spec.encoding, reinterpret_cast<const std::uint8_t*>(stored), count, out);
    case EncodingKind::indicator:
      if (spec.stored_dtype() == DType::u8)
        return expand_indicator<std::uint8_t>(stored, rows, spec.encoding.classes, out);
      return expand_indicator<std::int32_t>(stored, rows, spec.encoding.classes, out);
  }
}

}  // namespace millrace
