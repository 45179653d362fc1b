// Bytes are looked up, since there are only 256 of them. Other values go through the steps in pieces that stay in the cache, so that each step is a loop
// over an array.
#include "row_preparer.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

namespace millrace::nn {
namespace {

constexpr std::int64_t kPiece = 256;

/// The values of a piece, in one of the two types that are computed in.
struct Piece {
  std::array<float, kPiece> narrow;
  std::array<double, kPiece> wide;
  bool is_wide = false;
};

template <class From>
void load(const std::byte* values, std::size_t count, Piece& piece) {
  const std::span from(reinterpret_cast<const From*>(values), count);
  std::transform(from.begin(), from.end(), piece.wide.begin(), [](From x) { return static_cast<double>(x); });
}

// Each value of each type is a double.
void load(DType dtype, const std::byte* values, std::size_t count, Piece& piece) {
  switch (dtype) {
    case DType::u8:
      return load<std::uint8_t>(values, count, piece);
    case DType::i8:
      return load<std::int8_t>(values, count, piece);
    case DType::i16:
      return load<std::int16_t>(values, count, piece);
    case DType::i32:
      return load<std::int32_t>(values, count, piece);
    case DType::f64:
      return load<double>(values, count, piece);
    case DType::f32:
      return load<float>(values, count, piece);
  }
}

void narrow(std::size_t count, Piece& piece) {
  if (!std::exchange(piece.is_wide, false)) return;
  for (std::size_t i = 0; i < count; ++i) piece.narrow[i] = static_cast<float>(piece.wide[i]);
}

void widen(std::size_t count, Piece& piece) {
  if (std::exchange(piece.is_wide, true)) return;
  for (std::size_t i = 0; i < count; ++i) piece.wide[i] = static_cast<double>(piece.narrow[i]);
}

template <class T>
void apply(RowOp op, T operand, std::span<T> values) {
  switch (op) {
    case RowOp::multiply:
      for (T& x : values) x = x * operand;
      return;
    case RowOp::add:
      for (T& x : values) x = x + operand;
      return;
    case RowOp::subtract:
      for (T& x : values) x = x - operand;
      return;
    case RowOp::divide:
      for (T& x : values) x = x / operand;
      return;
    case RowOp::convert:
      return;
  }
}

void apply(const RowStep& step, std::size_t count, Piece& piece) {
  if (step.op == RowOp::convert) return step.to == DType::f64 ? widen(count, piece) : narrow(count, piece);
  if (piece.is_wide) return apply(step.op, step.operand, std::span(piece.wide).first(count));
  apply(step.op, static_cast<float>(step.operand), std::span(piece.narrow).first(count));
}

bool is_byte(DType dtype) { return dtype == DType::u8 || dtype == DType::i8; }

}  // namespace

RowPreparer::RowPreparer(RowPreparation rows) : rows_(std::move(rows)) {
  if (!is_byte(rows_.dtype)) return;
  std::array<std::uint8_t, 256> all{};
  std::iota(all.begin(), all.end(), std::uint8_t{0});
  compute(std::as_bytes(std::span(all)).data(), kPiece, table_.data());
}

bool RowPreparer::is_idle() const { return rows_.dtype == DType::f32 && rows_.steps.empty(); }

void RowPreparer::run(const std::byte* values, std::int64_t count, float* out) const {
  if (!is_byte(rows_.dtype)) return compute(values, count, out);
  for (std::int64_t i = 0; i < count; ++i) out[i] = table_[std::to_integer<std::size_t>(values[i])];
}

// float32 rows stay float32 until a step says otherwise, as a stage leaves them.
void RowPreparer::compute(const std::byte* values, std::int64_t count, float* out) const {
  Piece piece;
  for (std::int64_t first = 0; first < count; first += kPiece) {
    const auto here = static_cast<std::size_t>(std::min(kPiece, count - first));
    load(rows_.dtype, values + static_cast<std::size_t>(first) * size_of(rows_.dtype), here, piece);
    piece.is_wide = true;
    if (rows_.dtype == DType::f32) narrow(here, piece);
    for (const RowStep& step : rows_.steps) apply(step, here, piece);
    narrow(here, piece);
    std::copy_n(piece.narrow.begin(), here, out + first);
  }
}

}  // namespace millrace::nn
