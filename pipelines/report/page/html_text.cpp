// First what would deceive a reader, then what a browser would take for markup: the other way round an escape could hide a character.
#include "html_text.hpp"

#include "diagnostics/printable_text.hpp"

namespace millrace::pipelines {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace

std::string html_text(std::string_view text) { return escaped(printable_line(text)); }
std::string html_lines(std::string_view text) { return escaped(printable(text)); }

}  // namespace millrace::pipelines
