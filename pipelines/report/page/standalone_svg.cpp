// Without its name space an SVG is a picture within HTML alone.
#include "standalone_svg.hpp"

#include <fmt/format.h>

#include <string_view>

namespace millrace::pipelines {

std::string standalone_svg(const std::string& svg, double width, double height) {
  constexpr std::string_view kBegin = "<svg ";
  if (!svg.starts_with(kBegin)) return {};
  const std::size_t inside = svg.find('>') + 1;
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\" color=\"#1c2024\" {2}\n<rect width=\"{0:.0f}\" height=\"{1:.0f}\" fill=\"#ffffff\"/>{3}",
      width, height, svg.substr(kBegin.size(), inside - kBegin.size()), svg.substr(inside));
}

}  // namespace millrace::pipelines
