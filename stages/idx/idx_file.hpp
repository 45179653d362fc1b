// IDX files, the format of MNIST: a big-endian header with type and extents, then the values.
#pragma once

#include <millrace/byte_reader.hpp>
#include <millrace/tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace millrace::stages {

inline constexpr std::size_t kMaxIdxDimensions = 8;

struct IdxHeader {
  DType dtype = DType::u8;
  std::int64_t rows = 0;
  RowShape row_shape;  ///< the extents behind the first
  std::size_t header_bytes = 0;
  std::uint64_t payload_bytes = 0;

  std::size_t row_bytes() const { return static_cast<std::size_t>(payload_bytes / static_cast<std::uint64_t>(rows)); }
};

/// Reads a header from the front of `reader` and compares what it declares with the file's size, so that a buffer of
/// payload_bytes may be allocated. Throws Error of kind data: idx-short, idx-magic, idx-type, idx-dims, idx-limit (more than
/// `max_bytes`), idx-size, and what ByteReader throws.
IdxHeader read_idx_header(ByteReader& reader, std::uint64_t max_bytes);

/// Fills `out` with the next values, in native byte order. Throws Error(idx-size, data) where the data end before.
void read_idx_values(ByteReader& reader, const IdxHeader& header, std::span<std::byte> out);
/// Throws Error of kind data: gzip-limit (more data than the header declares), idx-size (ditto, raw), file-changed.
void require_idx_end(ByteReader& reader);

/// Rows of a file that are wanted; all of them when nothing is said.
struct IdxRows {
  std::int64_t first = 0, count = INT64_MAX;
};

/// Values in native byte order.
struct IdxData {
  IdxHeader header;                          ///< header of the whole file
  std::shared_ptr<const std::byte> payload;  ///< bytes of the wanted rows that there are
  std::string sha256;                        ///< hash of the decompressed file; empty unless asked for
};

/// Reads a whole file and keeps the wanted rows. Throws as read_idx_header does, and gzip-limit (more data than declared), idx-size
/// (ditto, raw), file-changed; Error("out-of-memory", run) where the rows do not fit into memory.
IdxData read_idx_file(const std::string& path, std::uint64_t max_bytes, const IdxRows& rows = {},
                      bool with_sha256 = false);

}  // namespace millrace::stages
