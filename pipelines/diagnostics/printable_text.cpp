// Escapes control characters, bidirectional and invisible ones, and invalid UTF-8, against terminal escape injection and text that reads
// as something else.
#include "printable_text.hpp"

#include "text_cells.hpp"

#include <millrace/detail/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace millrace::pipelines {
namespace {

bool is_control(char32_t c) { return (c < 0x20 && c != '\t' && c != '\n') || (c >= 0x7F && c <= 0x9F); }

// What is no character, and not allowed in XML.
bool is_none(char32_t c) { return c == 0xFFFE || c == 0xFFFF; }

// Marks, embeddings, overrides and isolates of the bidirectional algorithm; separators of lines; characters of no width and tags,
// in which another text can be hidden.
bool deceives(char32_t c) {
  return c == 0x061C || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE007F) || is_none(c);
}

std::string shown_as(std::string_view text, bool keeps_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t length = sequence_length(text);
    const std::string_view sequence = text.substr(0, length);
    const char32_t c = take_character(text);
    if (length == 0)
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", first);
    else if (is_control(c) || (c == '\n' && !keeps_lines))
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned>(c));
    else if (deceives(c) && c > 0xFFFF)
      fmt::format_to(std::back_inserter(out), "\\U{:08x}", static_cast<unsigned>(c));
    else if (deceives(c))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    else
      out += sequence;
  }
  return out;
}

}  // namespace

std::string printable_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::string_view sequence = json.substr(0, std::max<std::size_t>(sequence_length(json), 1));
    const auto c = static_cast<std::uint32_t>(take_character(json));
    if (!is_control(c) && !deceives(c))
      out += sequence;
    else if (c <= 0xFFFF)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    else
      fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xD7C0 + (c >> 10U), 0xDC00 + (c & 0x3FFU));
  }
  return out;
}

std::string printable(std::string_view text) { return shown_as(text, true); }
std::string printable_line(std::string_view text) { return shown_as(text, false); }

std::string shortened(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return std::string(text);
  std::size_t end = bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return fmt::format("{}... ({} more bytes)", text.substr(0, end), text.size() - end);
}

std::string printable_message(std::string_view text, std::size_t indent) {
  std::string out;
  for (const char c : printable(shortened(text, kMostMessageBytes))) {
    out += c;
    if (c == '\n') out.append(indent, ' ');
  }
  return out;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string line(text.substr(0, kMost));
  // A cut in the middle of a UTF-8 sequence would make the message invalid.
  while (text.size() > kMost && !line.empty() && (static_cast<unsigned char>(text[line.size()]) & 0xC0U) == 0x80U)
    line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return text.size() > kMost ? line + "..." : line;
}

}  // namespace millrace::pipelines
