// A field is its number and kind, then its value: numbers in groups of seven bits, the lowest first; texts behind their length.
#include <millrace/files/proto_writer.hpp>

namespace millrace {
namespace {

constexpr std::uint32_t kVarint = 0, kLengthDelimited = 2, kKindBits = 3;

}  // namespace

void ProtoWriter::varint(std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) bytes_ += static_cast<char>((value & 0x7FU) | 0x80U);
  bytes_ += static_cast<char>(value);
}

void ProtoWriter::number(std::uint32_t field, std::int64_t value) {
  varint((field << kKindBits) | kVarint);
  varint(static_cast<std::uint64_t>(value));
}

void ProtoWriter::text(std::uint32_t field, std::string_view value) {
  varint((field << kKindBits) | kLengthDelimited);
  varint(value.size());
  bytes_.append(value);
}

}  // namespace millrace
