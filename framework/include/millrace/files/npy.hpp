// NumPy's files of one array: a header in Python's notation, then the values.
//
// Six bytes of magic, two of version, the length of the header (two bytes in version 1, four from 2 on, little-endian), the header itself:
// `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }`, padded with spaces, then the values. Read are versions 1.0 to 3.0, little-endian,
// in C order, of the types below; nothing is ever unpickled.
#pragma once

#include <millrace/byte_reader.hpp>
#include <millrace/detail/export.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Types of elements, as NumPy calls them.
enum class NpyType : std::uint8_t { u1, i1, i2, i4, i8, f4, f8 };

/// "u1", "f4".
MILLRACE_EXPORT std::string_view to_string(NpyType);
/// Size of one element in bytes.
MILLRACE_EXPORT std::size_t size_of(NpyType);
/// The type in memory; nothing for i8, which no tensor has.
MILLRACE_EXPORT std::optional<DType> npy_dtype(NpyType);
/// The type in a file of what has this type in memory.
MILLRACE_EXPORT NpyType npy_type(DType);

inline constexpr std::size_t kMaxNpyHeaderBytes = std::size_t{64} << 10;
inline constexpr std::size_t kMaxNpyDimensions = 32;

struct NpyHeader {
  NpyType type = NpyType::f4;
  std::vector<std::int64_t> shape;  ///< {} for a single number; a dimension may be 0
  std::uint64_t header_bytes = 0;   ///< where the values begin
  std::uint64_t payload_bytes = 0;  ///< that the values take
};

/// Reads the header of a file that may come from anybody, raw or gzip, and compares what it declares with the file's size, so that a buffer of
/// payload_bytes may be allocated; itself it takes no more than the limits above. Throws Error of kind data whose sentence names the
/// file and the byte: npy-short, npy-magic, npy-version, npy-header (no such dictionary), npy-dtype (of another type or byte order), npy-order (Fortran's),
/// npy-shape, npy-limit (a limit above, or more than `max_bytes`), npy-size; and what ByteReader throws.
MILLRACE_EXPORT NpyHeader read_npy_header(ByteReader& reader, std::uint64_t max_bytes);

/// Fills `out` with the next values. Throws Error(npy-size, data) where the data end before.
MILLRACE_EXPORT void read_npy_values(ByteReader& reader, const NpyHeader& header, std::span<std::byte> out);
/// Throws Error(npy-size, data) where more data follow than the header declares; (file-changed, data).
MILLRACE_EXPORT void require_npy_end(ByteReader& reader);

/// What stands before the values of an array of this shape in C order: version 1.0, padded to a multiple of 64 bytes as NumPy does. At most
/// kMaxNpyDimensions extents.
MILLRACE_EXPORT std::string npy_header_text(NpyType type, std::span<const std::int64_t> shape);

}  // namespace millrace
