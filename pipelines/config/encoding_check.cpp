// yaml-cpp takes UTF-16 and replaces bad bytes in silence, so positions and names would no longer be the user's.
#include "encoding_check.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace millrace::pipelines {
namespace {

// Length of the well-formed sequence at the front of `text`, 0 when there is none (Unicode 15, table 3-7).
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return tail(1) && tail(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90, beyond = first == 0xF4 && second > 0x8F;
    return tail(1) && tail(2) && tail(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

bool is_forbidden_control(unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F; }

}  // namespace

std::optional<EncodingFault> find_encoding_fault(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return EncodingFault{0, "the file is UTF-16; a config is UTF-8"};
  for (std::size_t at = 0; at < text.size();) {
    const auto c = static_cast<unsigned char>(text[at]);
    const std::size_t length = sequence_length(text.substr(at, 4));
    if (length == 0) return EncodingFault{at, fmt::format("byte {} (0x{:02x}) is not valid UTF-8", at, c)};
    if (is_forbidden_control(c))
      return EncodingFault{at, fmt::format("byte {} is the control character 0x{:02x}", at, c)};
    at += length;
  }
  return std::nullopt;
}

}  // namespace millrace::pipelines
