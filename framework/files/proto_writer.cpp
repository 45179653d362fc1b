// A field is its number and kind, then its value: numbers in groups of seven bits, the lowest first; reals as they lie in memory, little-endian; texts behind
// their length.
#include <millrace/files/proto_writer.hpp>

#include <bit>
#include <cstddef>

namespace millrace {
namespace {

constexpr std::uint32_t kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5, kKindBits = 3;

template <class Bits>
void put_little_endian(std::string& bytes, Bits value) {
  for (std::size_t i = 0; i < sizeof(Bits); ++i) bytes += static_cast<char>(value >> (8U * i) & 0xFFU);
}

}  // namespace

void ProtoWriter::varint(std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) bytes_ += static_cast<char>((value & 0x7FU) | 0x80U);
  bytes_ += static_cast<char>(value);
}

void ProtoWriter::number(std::uint32_t field, std::int64_t value) {
  varint((field << kKindBits) | kVarint);
  varint(static_cast<std::uint64_t>(value));
}

void ProtoWriter::real64(std::uint32_t field, double value) {
  varint((field << kKindBits) | kFixed64);
  put_little_endian(bytes_, std::bit_cast<std::uint64_t>(value));
}

void ProtoWriter::real32(std::uint32_t field, float value) {
  varint((field << kKindBits) | kFixed32);
  put_little_endian(bytes_, std::bit_cast<std::uint32_t>(value));
}

void ProtoWriter::text(std::uint32_t field, std::string_view value) {
  varint((field << kKindBits) | kLengthDelimited);
  varint(value.size());
  bytes_.append(value);
}

}  // namespace millrace
