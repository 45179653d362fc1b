// The length of a header is believed up to a limit, and its shape only as far as the file goes.
#include "npy_text.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/files/npy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <bit>

static_assert(std::endian::native == std::endian::little, "values are read and written as they lie in memory");

namespace millrace {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kAlignment = 64;
constexpr std::array<std::string_view, 7> kNames{"u1", "i1", "i2", "i4", "i8", "f4", "f8"};
constexpr std::array<std::size_t, 7> kSizes{1, 1, 2, 4, 8, 4, 8};
// Deflate gives at most 258 bytes for 2 bits.
constexpr std::uint64_t kMostPerCompressedByte = 1032;

constexpr const char* kSaveAgain = "save it again with numpy.save";
constexpr const char* kCopyAgain = "copy or download the file again";

[[nodiscard]] Error refusal(const ByteReader& reader, const char* name, std::uint64_t offset, const std::string& what,
                            std::string help) {
  return {ErrorKind::data, name, fmt::format("{}: at byte {}: {}", reader.path(), offset, what), std::move(help)};
}

std::string help_for(std::string_view name) {
  if (name == "npy-dtype")
    return "`array.astype(numpy.float32)`, or another of u1, i1, i2, i4, i8, f4, f8, then numpy.save";
  if (name == "npy-order") return "`numpy.ascontiguousarray(array)`, then numpy.save";
  return kSaveAgain;
}

void read_all(ByteReader& reader, std::span<std::byte> out, const char* what) {
  const std::uint64_t first = reader.position();
  if (const std::size_t got = reader.read(out); got < out.size())
    throw refusal(reader, "npy-short", first + got, fmt::format("the file ends within {}", what), kCopyAgain);
}

void require_magic(ByteReader& reader) {
  std::array<std::byte, kMagic.size()> magic{};
  read_all(reader, magic, "the six bytes that every NumPy file begins with");
  if (std::string_view(reinterpret_cast<const char*>(magic.data()), magic.size()) == kMagic) return;
  throw refusal(reader, "npy-magic", 0, "no NumPy file: it does not begin with \\x93NUMPY", kSaveAgain);
}

std::uint64_t header_length(ByteReader& reader) {
  std::array<std::byte, 2> version{};
  read_all(reader, version, "its version");
  const int major = std::to_integer<int>(version[0]), minor = std::to_integer<int>(version[1]);
  if (major < 1 || major > 3 || minor != 0)
    throw refusal(reader, "npy-version", 6, fmt::format("version {}.{}, known are 1.0, 2.0 and 3.0", major, minor),
                  kSaveAgain);
  std::array<std::byte, 4> length{};
  read_all(reader, std::span(length).first(major == 1 ? 2 : 4), "the length of its header");
  std::uint64_t bytes = 0;
  for (std::size_t i = length.size(); i-- > 0;) bytes = bytes << 8U | std::to_integer<std::uint64_t>(length.at(i));
  if (bytes > kMaxNpyHeaderBytes)
    throw refusal(reader, "npy-limit", 8,
                  fmt::format("a header of {} bytes, possible are {}", bytes, kMaxNpyHeaderBytes), kSaveAgain);
  return bytes;
}

/// "<f4", "|u1"; the order of bytes means nothing where there is one.
std::optional<NpyType> type_of(std::string_view descr) {
  if (descr.size() < 2) return std::nullopt;
  const auto name = std::find(kNames.begin(), kNames.end(), descr.substr(1));
  if (name == kNames.end()) return std::nullopt;
  const auto type = static_cast<NpyType>(name - kNames.begin());
  const bool is_byte = size_of(type) == 1;
  if (descr[0] != '<' && !(descr[0] == '|' && is_byte) && !(descr[0] == '>' && is_byte)) return std::nullopt;
  return type;
}

std::string why_no_type(const std::string& descr) {
  std::string shown = descr.substr(0, 20);
  for (char& c : shown)
    if (c < ' ' || c > '~') c = '?';
  if (descr.starts_with('>')) return fmt::format("type `{}` is big-endian, little-endian is read", shown);
  if (descr.find('O') != std::string::npos)
    return fmt::format("type `{}` is of Python objects, which are never unpickled", shown);
  return fmt::format("type `{}` is none of u1, i1, i2, i4, i8, f4, f8", shown);
}

std::uint64_t payload_bytes(const NpyHeader& header, const auto& refuse) {
  std::uint64_t bytes = size_of(header.type);
  for (const std::int64_t extent : header.shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(extent), &bytes))
      throw refuse(fmt::format("{} elements of {} do not fit into 64 bits", fmt::join(header.shape, " x "),
                               to_string(header.type)));
  return bytes;
}

void require_plausible_size(const ByteReader& reader, const NpyHeader& header, std::uint64_t max_bytes,
                            std::uint64_t at) {
  if (header.payload_bytes > max_bytes)
    throw refusal(
        reader, "npy-limit", at,
        fmt::format("the header declares {}, the limit is {}", counted(header.payload_bytes, "byte"), max_bytes),
        "raise `max_bytes` if the file is meant to be so large");
  const std::uint64_t declared = header.header_bytes + header.payload_bytes, size = reader.file_bytes();
  if (reader.is_gzip() && declared / kMostPerCompressedByte > size)
    throw refusal(reader, "npy-size", at,
                  fmt::format("the header declares {} bytes, {} compressed bytes cannot hold them", declared, size),
                  kCopyAgain);
  if (!reader.is_gzip() && size < declared)
    throw refusal(reader, "npy-size", size, fmt::format("the file ends, its header declares {} bytes", declared),
                  kCopyAgain);
  if (!reader.is_gzip() && size > declared)
    throw refusal(reader, "npy-size", declared,
                  fmt::format("{} than the header declares", counted(size - declared, "more byte")), kSaveAgain);
}

}  // namespace

std::string_view to_string(NpyType type) { return kNames.at(static_cast<std::size_t>(type)); }
std::size_t size_of(NpyType type) { return kSizes.at(static_cast<std::size_t>(type)); }

std::optional<DType> npy_dtype(NpyType type) {
  switch (type) {
    case NpyType::u1:
      return DType::u8;
    case NpyType::i1:
      return DType::i8;
    case NpyType::i2:
      return DType::i16;
    case NpyType::i4:
      return DType::i32;
    case NpyType::i8:
      return std::nullopt;
    case NpyType::f4:
      return DType::f32;
    case NpyType::f8:
      return DType::f64;
  }
  return std::nullopt;
}

NpyType npy_type(DType dtype) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (npy_dtype(static_cast<NpyType>(i)) == dtype) return static_cast<NpyType>(i);
  throw Error(ErrorKind::run, "npy-dtype", fmt::format("no NumPy file holds {}", to_string(dtype)));
}

NpyHeader read_npy_header(ByteReader& reader, std::uint64_t max_bytes) {
  require_magic(reader);
  const std::uint64_t length = header_length(reader), text_at = reader.position();
  std::string text(length, '\0');
  read_all(reader, std::as_writable_bytes(std::span(text)), "its header");
  const NpyRefusal refuse = [&](const char* name, std::size_t at, const std::string& what) {
    return refusal(reader, name, text_at + at, what, help_for(name));
  };
  NpyDictionary dictionary = parse_npy_dictionary(text, kMaxNpyDimensions, refuse);
  const std::optional<NpyType> type = type_of(dictionary.descr);
  if (!type) throw refuse("npy-dtype", dictionary.descr_at, why_no_type(dictionary.descr));
  if (dictionary.is_fortran_order && dictionary.shape.size() > 1)
    throw refuse("npy-order", dictionary.order_at, "the array is stored column by column, row by row is read");
  NpyHeader header{*type, std::move(dictionary.shape), text_at + length, 0};
  header.payload_bytes =
      payload_bytes(header, [&](const std::string& what) { return refuse("npy-limit", dictionary.shape_at, what); });
  require_plausible_size(reader, header, max_bytes, text_at + dictionary.shape_at);
  return header;
}

void read_npy_values(ByteReader& reader, const NpyHeader& header, std::span<std::byte> out) {
  if (reader.read(out) == out.size()) return;
  throw refusal(reader, "npy-size", reader.position(),
                fmt::format("the data end, the header declares {} bytes", header.header_bytes + header.payload_bytes),
                kCopyAgain);
}

void require_npy_end(ByteReader& reader) {
  if (!reader.at_end())
    throw refusal(reader, "npy-size", reader.position(), "more data than the header declares", kSaveAgain);
  reader.check_unchanged();
}

std::string npy_header_text(NpyType type, std::span<const std::int64_t> shape) {
  std::string text =
      fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}", size_of(type) == 1 ? '|' : '<',
                  to_string(type), fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  const std::size_t before = kMagic.size() + 2 + 2;
  text.append(kAlignment - 1 - (before + text.size()) % kAlignment, ' ').push_back('\n');
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(text.size() & 0xFFU), static_cast<char>(text.size() >> 8U)};
  return header + text;
}

}  // namespace millrace
