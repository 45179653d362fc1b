// Tensors: rows of numbers that are shared and read-only once they flow.
//
// A tensor has a logical spec (what its values mean) and an encoding (how they lie in memory). A stage that asks for
// `f32()` gets float32 values whatever the encoding; a stage that knows the encoding may move the stored bytes instead,
// which for MNIST is a quarter of them.
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

class Allocator;
class Event;
class ResidentTable;
class TableRows;

enum class DType : std::uint8_t { u8, i8, i16, i32, f32, f64 };

/// Size of one element in bytes.
MILLRACE_EXPORT std::size_t size_of(DType);
/// "u8", "i8", "i16", "i32", "f32" or "f64".
MILLRACE_EXPORT std::string_view to_string(DType);

/// Extents of one row, without the row dimension: {28, 28} for an MNIST image, {} for a label.
using RowShape = std::vector<std::int64_t>;

/// Number of elements of one row. Throws Error("size-overflow") when the product does not fit.
MILLRACE_EXPORT std::int64_t elements_of(const RowShape&);
/// "[n, 28, 28]"; the first dimension counts rows.
MILLRACE_EXPORT std::string to_string(const RowShape&);

/// a * b, or Error("size-overflow", data). Every size that comes from outside goes through here.
MILLRACE_EXPORT std::uint64_t checked_multiply(std::uint64_t a, std::uint64_t b);

/// Values lie in [lo, hi].
struct ValueRange {
  double lo, hi;
  bool operator==(const ValueRange&) const = default;
};

/// How the values lie in memory; a closed set of plain data. A reshape changes no bytes and needs no form of its own.
enum class EncodingKind : std::uint8_t {
  dense,      ///< the values themselves, row-major, of type `dtype`
  affine_u8,  ///< one byte x an element; the value is fl(fl(x) * scale + offset), two roundings, no contraction
  indicator,  ///< one class id a row (u8 up to 256 classes, else i32); the row is 1 at that class and 0 elsewhere
};
MILLRACE_EXPORT std::string_view to_string(EncodingKind);

struct Encoding {
  EncodingKind kind = EncodingKind::dense;
  float scale = 1.0F;        ///< affine_u8
  float offset = 0.0F;       ///< affine_u8
  std::int32_t classes = 0;  ///< indicator
  bool operator==(const Encoding&) const = default;
};

/// Names of classes in the order of their ids, shared and read-only: however many there are, a copy is one pointer.
class ClassNames {
 public:
  using List = std::vector<std::string>;

  ClassNames() = default;
  ClassNames(List names) : names_(names.empty() ? nullptr : std::make_shared<const List>(std::move(names))) {}
  ClassNames(std::initializer_list<std::string> names) : ClassNames(List(names)) {}

  bool empty() const { return names_ == nullptr; }
  std::size_t size() const { return list().size(); }
  const std::string& at(std::size_t id) const { return list().at(id); }
  List::const_iterator begin() const { return list().begin(); }
  List::const_iterator end() const { return list().end(); }
  const List& list() const {
    static const List kNone;
    return names_ ? *names_ : kNone;
  }
  bool operator==(const ClassNames& other) const { return names_ == other.names_ || list() == other.list(); }

 private:
  std::shared_ptr<const List> names_;
};

/// What a tensor of any number of rows looks like.
struct MILLRACE_EXPORT TensorSpec {
  DType dtype = DType::f32;         ///< the type of a logical value
  RowShape row_shape;               ///< the shape of a row of logical values
  std::optional<ValueRange> range;  ///< unknown when empty
  Encoding encoding;
  ClassNames class_names;  ///< names that class ids stand for; else empty

  bool operator==(const TensorSpec&) const = default;

  /// Type of the stored elements: `dtype` for dense, u8 for affine_u8, u8 or i32 for an indicator.
  DType stored_dtype() const;
  /// Stored elements a row: 1 for an indicator.
  std::int64_t stored_elements() const;
  /// Bytes a row takes in memory.
  std::size_t stored_row_bytes() const;
  /// Bytes a row would take as logical values, dense.
  std::size_t logical_row_bytes() const;
  /// "u8 [n, 28, 28] in [0, 255]"; names the encoding when it is not dense.
  std::string describe() const;
};

/// Rows of a spec's stored bytes as float32: dense values converted, affine_u8 as the values of affine_table, an
/// indicator as 0 and 1. `stored` holds rows * spec.stored_row_bytes(), `out` takes rows * elements_of(row_shape) floats.
/// Thread-safe; does not allocate.
MILLRACE_EXPORT void decode_f32(const TensorSpec& spec, const std::byte* stored, std::int64_t rows, float* out);

/// The 256 values of an affine_u8 encoding: byte times scale, rounded, plus offset, rounded. Everybody decodes to these bits.
MILLRACE_EXPORT void affine_table(const Encoding&, std::span<float, 256> out);

/// Shared and read-only; copying copies a pointer. All members are safe to call from several threads at once.
class MILLRACE_EXPORT Tensor {
 public:
  /// Of nothing, as one moved from: false as a bool; everything else throws Error("empty-tensor", run).
  Tensor() = default;
  /// Wraps bytes that `memory` keeps alive: rows * spec.stored_row_bytes() of them, starting at `bytes`.
  /// `allocator` (may be null) is charged for materialized copies and must outlive the tensor.
  Tensor(TensorSpec spec, std::int64_t rows, std::shared_ptr<const std::byte> bytes, Allocator* allocator);

  /// The same on a device, where a copy writes the bytes until `ready` is done.
  Tensor(TensorSpec spec, std::int64_t rows, std::shared_ptr<const std::byte> bytes, Allocator* allocator, Event ready);

  /// Rows of a table that lies on the device as well (resident_table.hpp): row i is row (*numbers)[i] of it. Throws
  /// Error("shape-mismatch" | "rows-mismatch", run) where rows of the spec have other bytes or the table has no such row.
  Tensor(TensorSpec spec, std::shared_ptr<const ResidentTable> table,
         std::shared_ptr<const std::vector<std::uint32_t>> numbers);

  explicit operator bool() const { return state_ != nullptr; }
  const TensorSpec& spec() const;
  std::int64_t rows() const;
  /// Stored bytes, rows * spec().stored_row_bytes() of them. Rows of a table are brought together here by the first call, once for
  /// all views of them; throws Error("out-of-memory", run) when there is no room for that.
  const std::byte* bytes() const;
  std::size_t size_bytes() const;
  /// The bytes may be read once this is done. Work on a device lets its stream wait for it; the host never does. Already done
  /// for a tensor that was written on the host.
  const Event& ready() const;
  /// The table whose rows these are, and their numbers; null and empty for a tensor that has its bytes. Reshaped, sliced or viewed
  /// as something else, they remain those rows.
  std::shared_ptr<const ResidentTable> table() const;
  std::span<const std::uint32_t> table_rows() const;

  /// Stored elements. Throws Error("dtype-mismatch", run) unless T is the stored type.
  template <class T>
  std::span<const T> stored() const;

  /// Logical values as float32, rows * elements_of(row_shape) of them. A tensor stored otherwise is decoded once; the copy
  /// is owned by the tensor and lives as long as it.
  std::span<const float> f32() const;

  /// The same bytes with another shape of row; the element count must agree. Dense and affine_u8 only.
  Tensor reshaped(RowShape) const;
  /// The same stored bytes under another spec with the same stored_row_bytes().
  Tensor viewed_as(TensorSpec) const;
  /// Rows [first, first + count), sharing the bytes.
  Tensor slice(std::int64_t first, std::int64_t count) const;

 private:
  struct State;
  explicit Tensor(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  Tensor(std::shared_ptr<const TableRows> from, TensorSpec&& spec);
  void require_stored(DType) const;
  std::shared_ptr<const State> state_;
};

/// A tensor while it is being written: one owner, movable, not copyable. `freeze` gives up the right to write.
class MILLRACE_EXPORT OutTensor {
 public:
  /// Memory for `rows` rows of `spec`, uninitialized, from `allocator`, which must outlive the tensor.
  OutTensor(TensorSpec spec, std::int64_t rows, Allocator& allocator);
  OutTensor(OutTensor&&) noexcept = default;
  OutTensor& operator=(OutTensor&&) noexcept = default;
  OutTensor(const OutTensor&) = delete;
  OutTensor& operator=(const OutTensor&) = delete;
  ~OutTensor() = default;

  const TensorSpec& spec() const { return spec_; }
  std::int64_t rows() const { return rows_; }
  std::byte* bytes() { return bytes_.get(); }
  /// Stored elements. Throws Error("dtype-mismatch", run) unless T is the stored type.
  template <class T>
  std::span<T> values();

  Tensor freeze() &&;
  /// Gives up the right to write and keeps only the first `rows` rows.
  Tensor freeze(std::int64_t rows) &&;
  /// The same for bytes that a copy writes until `ready` is done.
  Tensor freeze(std::int64_t rows, Event ready) &&;

 private:
  void require_stored(DType) const;
  TensorSpec spec_;
  std::int64_t rows_;
  std::shared_ptr<std::byte> bytes_;
  Allocator* allocator_;
};

template <class T>
constexpr DType dtype_of();
template <>
constexpr DType dtype_of<std::uint8_t>() {
  return DType::u8;
}
template <>
constexpr DType dtype_of<std::int8_t>() {
  return DType::i8;
}
template <>
constexpr DType dtype_of<std::int16_t>() {
  return DType::i16;
}
template <>
constexpr DType dtype_of<std::int32_t>() {
  return DType::i32;
}
template <>
constexpr DType dtype_of<float>() {
  return DType::f32;
}
template <>
constexpr DType dtype_of<double>() {
  return DType::f64;
}

template <class T>
std::span<const T> Tensor::stored() const {
  require_stored(dtype_of<T>());
  return {reinterpret_cast<const T*>(bytes()), size_bytes() / sizeof(T)};
}

template <class T>
std::span<T> OutTensor::values() {
  require_stored(dtype_of<T>());
  return {reinterpret_cast<T*>(bytes()), static_cast<std::size_t>(rows_ * spec_.stored_elements())};
}

}  // namespace millrace
