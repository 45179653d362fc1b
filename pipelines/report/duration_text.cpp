// Two units at most: who compares two runs by seconds finds them in summary.json.
#include "duration_text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace millrace::pipelines {

std::string duration_text(double seconds) {
  if (!(seconds < 1e9)) return fmt::format("{:.3g} s", seconds);
  if (seconds < 0.1) return fmt::format("{:.2g} ms", 1000 * seconds);
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const long long whole = std::llround(seconds), minutes = whole / 60;
  return whole < 3600 ? fmt::format("{} min {} s", minutes, whole % 60)
                      : fmt::format("{} h {} min", minutes / 60, minutes % 60);
}

}  // namespace millrace::pipelines
