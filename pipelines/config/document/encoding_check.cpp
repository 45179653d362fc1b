// yaml-cpp takes UTF-16 and replaces bad bytes in silence, so positions and names would no longer be the user's.
#include "encoding_check.hpp"

#include <millrace/detail/utf8.hpp>

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

bool is_forbidden_control(unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F; }

}  // namespace

std::optional<EncodingFault> find_encoding_fault(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return EncodingFault{0, "the file is UTF-16; a config is UTF-8"};
  if (text.starts_with("\x1f\x8b"))
    return EncodingFault{0, "the file is compressed; a config is plain text: gunzip it"};
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
