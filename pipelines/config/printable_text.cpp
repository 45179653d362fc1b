#include "printable_text.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

bool is_control(unsigned char c) { return (c < 0x20 && c != '\t' && c != '\n') || c == 0x7F; }

// U+0080 to U+009F, which some terminals obey as they obey ESC and a letter; in UTF-8 0xC2 and this byte.
bool is_second_of_control(unsigned char c) { return c >= 0x80 && c <= 0x9F; }

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : '\0');
    if (is_control(c))
      out += fmt::format("\\x{:02x}", c);
    else if (c == 0xC2 && is_second_of_control(next))
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[++i]));
    else
      out += text[i];
  }
  return out;
}

}  // namespace millrace::pipelines
