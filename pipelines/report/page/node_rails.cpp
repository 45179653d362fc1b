// As a history of commits is drawn: what passes a row goes straight down, what ends there bends to its point.
#include "node_rails.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace millrace::pipelines {
namespace {

constexpr double kRailWidth = 13, kMiddle = kRowHeight / 2;

double x_of(const Rails& rails, std::size_t node) { return kRailWidth * (static_cast<double>(rails.rail[node]) + 0.6); }

std::vector<std::size_t> last_fed(const std::vector<NodeTimes>& nodes) {
  std::vector<std::size_t> last(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    last[i] = i;
    for (const std::size_t input : nodes[i].inputs) last[input] = i;
  }
  return last;
}

// A rail that ends in a row and one that begins there may be the same.
bool is_free(const Rails& rails, std::size_t rail, std::size_t node) {
  for (std::size_t before = 0; before < node; ++before)
    if (rails.rail[before] == rail && rails.last[before] > node) return false;
  return true;
}

}  // namespace

Rails rails_of(const std::vector<NodeTimes>& nodes) {
  Rails rails{{}, last_fed(nodes), 0};
  for (std::size_t node = 0; node < nodes.size(); ++node) {
    std::size_t rail = 0;
    while (!is_free(rails, rail, node)) ++rail;
    rails.rail.push_back(rail);
    rails.count = std::max(rails.count, rail + 1);
  }
  return rails;
}

double rails_width(const Rails& rails) { return kRailWidth * (static_cast<double>(rails.count) + 0.2); }

std::string rails_drawing(const std::vector<NodeTimes>& nodes, const Rails& rails, std::size_t row,
                          const RailColors& colors) {
  const double x = x_of(rails, row);
  std::string lines;
  const auto out = std::back_inserter(lines);
  for (std::size_t node = 0; node < row; ++node)
    if (rails.last[node] > row) fmt::format_to(out, "M{:.1f} 0V{}", x_of(rails, node), kRowHeight);
  for (const std::size_t input : nodes[row].inputs)
    fmt::format_to(out, "M{0:.1f} 0C{0:.1f} {1} {2:.1f} 4 {2:.1f} {1}", x_of(rails, input), kMiddle, x);
  if (rails.last[row] > row) fmt::format_to(out, "M{:.1f} {}V{}", x, kMiddle, kRowHeight);
  return fmt::format(
      "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-opacity=\".5\" stroke-width=\"1.5\"/>"
      "<circle cx=\"{:.1f}\" cy=\"{}\" r=\"4.5\" fill=\"{}\"/>",
      lines, colors.line, x, kMiddle, colors.point);
}

std::string rails_piece(const std::vector<NodeTimes>& nodes, const Rails& rails, std::size_t row,
                        std::string_view color) {
  return fmt::format("<svg width=\"{0:.0f}\" height=\"{1}\" viewBox=\"0 0 {0:.0f} {1}\" aria-hidden=\"true\">{2}</svg>",
                     rails_width(rails), kRowHeight, rails_drawing(nodes, rails, row, {color, "currentColor"}));
}

}  // namespace millrace::pipelines
