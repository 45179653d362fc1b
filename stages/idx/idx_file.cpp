// Nothing is allocated before the header has been checked against the file's size; values are read piece by piece, each hashed on a second
// thread while the next one is read.
#include "idx_file.hpp"

#include "rows/row_choice.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>
#include <future>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <vector>

namespace millrace::stages {
namespace {

constexpr std::size_t kPiece = std::size_t{4} << 20;         ///< hashed while the next one is read
constexpr std::size_t kSkippedPiece = std::size_t{1} << 20;  ///< small, as `plan` does not speak of it
// Deflate gives at most 258 bytes for 2 bits, which is 1032 to 1.
constexpr std::uint64_t kMostPerCompressedByte = 1032;

constexpr const char* kCopyAgain = "copy or download the file again";
constexpr const char* kWriteAgain = "the header and the data do not belong together: write or download the file again";

[[noreturn]] void fail(const char* name, const ByteReader& reader, const std::string& what, std::string help = {}) {
  throw Error(ErrorKind::data, name, fmt::format("{}: {}", reader.path(), what), std::move(help));
}

std::uint32_t big_endian(std::span<const std::byte> bytes) {
  std::uint32_t value = 0;
  for (const std::byte byte : bytes.first(4)) value = (value << 8) | std::to_integer<std::uint32_t>(byte);
  return value;
}

// What people hand over by mistake, by its first bytes.
std::string guess_format(std::span<const std::byte> magic) {
  const auto is = [&](std::uint32_t wanted, int bytes) { return big_endian(magic) >> (8 * (4 - bytes)) == wanted; };
  if (is(0x504b, 2)) return ": a zip archive?";
  if (is(0x89504e47, 4)) return ": a PNG picture?";
  if (is(0x934e554d, 4)) return ": a NumPy file?";
  if (is(0x3c, 1)) return ": a web page?";
  if (is(0x1f8b, 2)) return ": compressed twice?";
  if (is(0x28b52ffd, 4)) return ": compressed by zstd?";
  if (is(0xfd377a58, 4)) return ": compressed by xz?";
  return "";
}

DType idx_dtype(const ByteReader& reader, std::byte code) {
  switch (std::to_integer<int>(code)) {
    case 0x08:
      return DType::u8;
    case 0x09:
      return DType::i8;
    case 0x0B:
      return DType::i16;
    case 0x0C:
      return DType::i32;
    case 0x0D:
      return DType::f32;
    case 0x0E:
      return DType::f64;
    default:
      break;
  }
  fail("idx-type", reader,
       fmt::format("at byte 2: element type 0x{:02x}, known are 08, 09, 0b, 0c, 0d and 0e", std::to_integer<int>(code)),
       kWriteAgain);
}

std::array<std::byte, 4> read_magic(ByteReader& reader) {
  std::array<std::byte, 4> magic{};
  const std::size_t got = reader.read(magic);
  if (got < magic.size())
    fail("idx-short", reader, fmt::format("at byte 0: the file ends after {} of the 4 bytes of the magic number", got),
         kCopyAgain);
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0})
    fail("idx-magic", reader,
         fmt::format("at byte 0: not an IDX file, it starts {:02x}{}", fmt::join(magic, " "), guess_format(magic)),
         "an IDX file starts 00 00, then type and number of dimensions; gzip is fine");
  return magic;
}

std::vector<std::uint32_t> read_extents(ByteReader& reader, std::size_t dimensions) {
  if (dimensions == 0 || dimensions > kMaxIdxDimensions)
    fail("idx-dims", reader,
         fmt::format("at byte 3: {} dimensions, possible are 1 to {}", dimensions, kMaxIdxDimensions), kWriteAgain);
  std::array<std::byte, 4 * kMaxIdxDimensions> bytes{};
  const std::size_t wanted = 4 * dimensions, got = reader.read(std::span(bytes).first(wanted));
  if (got < wanted)
    fail("idx-short", reader,
         fmt::format("at byte {}: the header ends, it needs {} bytes for its number of dimensions, {}", 4 + got,
                     4 + wanted, dimensions),
         kCopyAgain);
  std::vector<std::uint32_t> extents;
  for (std::size_t i = 0; i < dimensions; ++i) {
    extents.push_back(big_endian(std::span(bytes).subspan(4 * i)));
    if (extents.back() == 0)
      fail("idx-dims", reader, fmt::format("at byte {}: dimension {} is 0", 4 + 4 * i, i + 1), kWriteAgain);
  }
  return extents;
}

std::uint64_t payload_size(const ByteReader& reader, const std::vector<std::uint32_t>& extents, DType dtype) {
  std::uint64_t bytes = size_of(dtype);
  for (const std::uint32_t extent : extents)
    if (__builtin_mul_overflow(bytes, std::uint64_t{extent}, &bytes))
      fail("idx-limit", reader,
           fmt::format("at byte 4: {} elements of {} do not fit into 64 bits", fmt::join(extents, " x "),
                       counted(size_of(dtype), "byte")),
           kWriteAgain);
  return bytes;
}

// Before anything is allocated. The size of a raw file is known; a compressed one has a least size.
void require_plausible_size(const ByteReader& reader, const IdxHeader& header, std::uint64_t max_bytes) {
  if (header.payload_bytes > max_bytes)
    fail("idx-limit", reader,
         fmt::format("at byte 4: the header declares {}, the limit is {}{}", counted(header.payload_bytes, "byte"),
                     max_bytes, max_bytes == kDefaultMaxFileBytes ? ", the default" : ""),
         "raise `max_bytes` if the file is meant to be so large");
  const std::uint64_t declared = header.header_bytes + header.payload_bytes, size = reader.file_bytes();
  if (reader.is_gzip() && declared / kMostPerCompressedByte > size)
    fail("idx-size", reader,
         fmt::format("the header declares {} bytes, {} compressed bytes cannot hold them", declared, size), kCopyAgain);
  if (!reader.is_gzip() && size < declared)
    fail("idx-size", reader, fmt::format("at byte {}: the file ends, its header declares {} bytes", size, declared),
         kCopyAgain);
  if (!reader.is_gzip() && size > declared)
    fail("idx-size", reader,
         fmt::format("at byte {}: {} than the header declares", declared, counted(size - declared, "more byte")),
         kWriteAgain);
}

template <class T>
void reverse_bytes(std::byte* data, std::uint64_t bytes) {
  for (std::uint64_t i = 0; i < bytes; i += sizeof(T)) std::reverse(data + i, data + i + sizeof(T));
}

void to_native(DType dtype, std::byte* data, std::uint64_t bytes) {
  if (std::endian::native == std::endian::big) return;
  switch (size_of(dtype)) {
    case 2:
      return reverse_bytes<std::uint16_t>(data, bytes);
    case 4:
      return reverse_bytes<std::uint32_t>(data, bytes);
    case 8:
      return reverse_bytes<std::uint64_t>(data, bytes);
    default:
      return;
  }
}

// As they lie in the file.
void read_stored(ByteReader& reader, const IdxHeader& header, std::span<std::byte> out) {
  if (reader.read(out) == out.size()) return;
  fail("idx-size", reader,
       fmt::format("at byte {}: the data end, the header declares {} bytes", reader.position(),
                   header.header_bytes + header.payload_bytes),
       kCopyAgain);
}

/// Hashes pieces in order, beside the thread that reads them.
class BackgroundHash {
 public:
  explicit BackgroundHash(std::span<const std::byte> start) { hash_.update(start); }
  void update(std::span<const std::byte> piece) {
    wait();
    try {
      pending_ = std::async(std::launch::async, [this, piece] { hash_.update(piece); });
    } catch (const std::system_error&) {  // no thread can be started: then not beside the reading
      hash_.update(piece);
    }
  }
  std::string finish() {
    wait();
    return hash_.finish();
  }

 private:
  void wait() {
    if (pending_.valid()) pending_.get();
  }
  Sha256 hash_;
  std::future<void> pending_;  // after hash_: its end waits for the thread
};

std::byte type_code(DType dtype) {
  constexpr std::array<int, 6> kCodes{0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E};  // in the order of DType
  return static_cast<std::byte>(kCodes.at(static_cast<std::size_t>(dtype)));
}

// The header again, as it stood in the file.
std::vector<std::byte> header_image(const IdxHeader& header) {
  std::vector<std::byte> bytes{std::byte{0}, std::byte{0}, type_code(header.dtype),
                               static_cast<std::byte>(header.row_shape.size() + 1)};
  const auto put = [&](std::int64_t extent) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::byte>((extent >> shift) & 0xff));
  };
  put(header.rows);
  for (const std::int64_t extent : header.row_shape) put(extent);
  return bytes;
}

/// Reads the values of a file, piece by piece.
class PayloadReader {
 public:
  PayloadReader(ByteReader& reader, const IdxHeader& header, bool with_sha256) : reader_(reader), header_(header) {
    if (with_sha256) hash_.emplace(header_image(header));
  }

  void keep(std::span<std::byte> payload) {
    for (std::size_t at = 0; at < payload.size(); at += kPiece)
      take(payload.subspan(at, std::min(kPiece, payload.size() - at)));
  }
  /// Rows that nobody wants; they are read all the same, since a file is whole or it is refused.
  void skip(std::uint64_t bytes) {
    for (std::uint64_t left = bytes; left > 0;) {
      std::vector<std::byte>& piece = skipped_[next_++ % skipped_.size()];
      piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kSkippedPiece, left)));
      take(piece);
      left -= piece.size();
    }
  }

  /// Of all that was read; empty unless asked for.
  std::string sha256() { return hash_ ? hash_->finish() : ""; }

 private:
  void take(std::span<std::byte> piece) {
    read_stored(reader_, header_, piece);
    if (hash_) hash_->update(piece);
  }

  ByteReader& reader_;
  const IdxHeader& header_;
  std::array<std::vector<std::byte>, 2> skipped_;  ///< one is hashed while the other is filled
  std::size_t next_ = 0;
  std::optional<BackgroundHash> hash_;  // after skipped_, which its thread may read until it has ended
};

std::shared_ptr<std::byte> memory_for(const ByteReader& reader, std::size_t bytes) {
  try {
    return {new std::byte[bytes], std::default_delete<std::byte[]>()};
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::run, "out-of-memory",
                fmt::format("{}: cannot allocate {} for the data", reader.path(), counted(bytes, "byte")),
                "`rows: [first, count]` takes fewer of them; `pipeline-run plan` tells what else takes memory");
  }
}

}  // namespace

IdxHeader read_idx_header(ByteReader& reader, std::uint64_t max_bytes) {
  const std::array<std::byte, 4> magic = read_magic(reader);
  IdxHeader header;
  header.dtype = idx_dtype(reader, magic[2]);
  const std::vector<std::uint32_t> extents = read_extents(reader, std::to_integer<std::size_t>(magic[3]));
  header.header_bytes = 4 + 4 * extents.size();
  header.payload_bytes = payload_size(reader, extents, header.dtype);
  header.rows = extents.front();
  header.row_shape.assign(extents.begin() + 1, extents.end());
  require_plausible_size(reader, header, max_bytes);
  return header;
}

void read_idx_values(ByteReader& reader, const IdxHeader& header, std::span<std::byte> out) {
  read_stored(reader, header, out);
  to_native(header.dtype, out.data(), out.size());
}

void require_idx_end(ByteReader& reader) {
  if (!reader.at_end())
    fail(reader.is_gzip() ? "gzip-limit" : "idx-size", reader,
         fmt::format("at byte {}: more data than the header declares", reader.position()), kWriteAgain);
  reader.check_unchanged();
}

IdxData read_idx_file(const std::string& path, std::uint64_t max_bytes, const IdxRows& rows, bool with_sha256) {
  ByteReader reader(path);
  IdxData data;
  data.header = read_idx_header(reader, max_bytes);
  const IdxHeader& header = data.header;
  const std::int64_t first = std::min(rows.first, header.rows), count = std::min(rows.count, header.rows - first);
  const std::size_t before = static_cast<std::size_t>(first) * header.row_bytes(),
                    wanted = static_cast<std::size_t>(count) * header.row_bytes();
  const std::shared_ptr<std::byte> payload = memory_for(reader, wanted);
  PayloadReader pieces(reader, header, with_sha256);
  pieces.skip(before);
  pieces.keep({payload.get(), wanted});
  pieces.skip(header.payload_bytes - before - wanted);
  require_idx_end(reader);
  data.sha256 = pieces.sha256();
  to_native(header.dtype, payload.get(), wanted);
  data.payload = payload;
  return data;
}

}  // namespace millrace::stages
