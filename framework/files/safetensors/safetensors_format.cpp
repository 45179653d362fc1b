// One table of types, and the one multiplication of sizes: a shape that overflows is how readers of this format were broken into.
#include "safetensors_format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace millrace {
namespace {

struct TypeRow {
  std::string_view name;
  std::size_t bytes;
};

// In the order of SafetensorsType.
constexpr std::array<TypeRow, 13> kTypes{{{"BOOL", 1},
                                          {"U8", 1},
                                          {"I8", 1},
                                          {"U16", 2},
                                          {"I16", 2},
                                          {"F16", 2},
                                          {"BF16", 2},
                                          {"U32", 4},
                                          {"I32", 4},
                                          {"F32", 4},
                                          {"U64", 8},
                                          {"I64", 8},
                                          {"F64", 8}}};

const TypeRow& row_of(SafetensorsType type) { return kTypes.at(static_cast<std::size_t>(type)); }

bool is_tail_byte(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

}  // namespace

std::string_view to_string(SafetensorsType type) { return row_of(type).name; }
std::size_t size_of(SafetensorsType type) { return row_of(type).bytes; }

SafetensorsType safetensors_type(DType dtype) {
  constexpr std::array<SafetensorsType, 6> kInFile{SafetensorsType::u8,  SafetensorsType::i8,  SafetensorsType::i16,
                                                   SafetensorsType::i32, SafetensorsType::f32, SafetensorsType::f64};
  return kInFile.at(static_cast<std::size_t>(dtype));
}

std::optional<SafetensorsType> safetensors_type_named(std::string_view name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& row) { return row.name == name; });
  if (found == kTypes.end()) return std::nullopt;
  return static_cast<SafetensorsType>(found - kTypes.begin());
}

std::optional<std::uint64_t> safetensors_tensor_bytes(SafetensorsType type, std::span<const std::int64_t> shape) {
  if (shape.size() > kMaxSafetensorsDimensions) return std::nullopt;
  std::uint64_t bytes = size_of(type);
  bool empty = false;
  for (const std::int64_t dimension : shape) {
    if (dimension < 0) return std::nullopt;
    empty = empty || dimension == 0;
    if (dimension > 0 &&
        (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dimension), &bytes) || bytes > kMaxSafetensorsOffset))
      return std::nullopt;
  }
  return empty ? 0 : bytes;
}

std::string fault_of_safetensors_name(std::string_view name) {
  if (name == kSafetensorsMetadataKey) return "this name is kept for texts";
  if (name.size() > kMaxSafetensorsNameBytes)
    return fmt::format("a name of {} bytes, possible are {}", name.size(), kMaxSafetensorsNameBytes);
  if (name.find('\0') != std::string_view::npos) return "a name with a NUL in it";
  return {};
}

std::string quoted_name(std::string_view text) {
  if (text.size() <= kMaxSafetensorsNameBytes) return fmt::format("`{}`", text);
  std::size_t end = kMaxSafetensorsNameBytes;
  while (end > 0 && is_tail_byte(text[end])) --end;  // not in the middle of a character
  return fmt::format("`{}...`", text.substr(0, end));
}

}  // namespace millrace
