// Widths stay as even as possible, so that a line that is redrawn does not jump.
#include "progress_text.hpp"

#include <millrace/detail/number_text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace millrace::pipelines {

std::string metric_text(double value) {
  const double size = std::abs(value), shown = without_nan_sign(value);
  const bool is_long = (size != 0 && size < 1e-3) || size >= 1e7;
  return is_long ? fmt::format("{:.4e}", shown) : fmt::format("{:.4f}", shown);
}

std::string seconds_text(double seconds) {
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<long long>(std::llround(seconds));
  return fmt::format("{}m{:02}s", whole / 60, whole % 60);
}

std::string rate_text(double per_second) {
  if (per_second >= 999'500) return fmt::format("{:.2f}M", per_second / 1e6);
  if (per_second >= 9'950) return fmt::format("{:.0f}k", per_second / 1e3);
  if (per_second >= 999.5) return fmt::format("{:.1f}k", per_second / 1e3);
  return fmt::format("{:.0f}", per_second);
}

std::string bar_text(double share, int cells, bool unicode, bool color) {
  const int full = static_cast<int>(std::clamp(share, 0.0, 1.0) * cells);
  std::string text = color ? "\x1b[32m" : "";
  for (int i = 0; i < full; ++i) text += unicode ? "━" : "=";
  if (color) text += "\x1b[90m";
  // Without color the empty part must look different.
  for (int i = full; i < cells; ++i) text += !unicode ? "." : color ? "━" : "─";
  return color ? text + "\x1b[0m" : text;
}

std::size_t columns_of_text(std::string_view text) {
  std::size_t columns = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = std::min(text.find('m', i), text.size());
      continue;
    }
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) ++columns;
  }
  return columns;
}

}  // namespace millrace::pipelines
