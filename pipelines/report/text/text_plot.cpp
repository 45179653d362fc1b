// A grid of cells. The line is drawn first: a row that lies on it is still a point.
#include "text_plot.hpp"

#include "report/validation/shown/plot_points.hpp"
#include "text_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kHeight = 14, kLeft = 12, kWidth = kPageColumns - kLeft - 2;

class Cells {
 public:
  Cells(const PlotPoints& plot, bool unicode)
      : plot_(plot),
        x_(plot.x_axis(6)),
        y_(plot.y_axis(5)),
        cells_(kHeight * kWidth, " "),
        point_(unicode ? "●" : "o"),
        line_(unicode ? "·" : "."),
        unicode_(unicode) {}

  std::string text() {
    draw_line();
    for (const auto& [x, y] : plot_.points) cell(column(x), row(y)) = point_;
    std::vector<std::string> ticks(kHeight);
    for (const double tick : y_.ticks) ticks[row(tick)] = y_.tick_text(tick);
    std::string all;
    for (std::size_t y = 0; y < kHeight; ++y) all += line_text(y, ticks[y]);
    all += std::string(kLeft - 1, ' ') + (unicode_ ? "└" : "+");
    for (std::size_t x = 0; x < kWidth; ++x) all += unicode_ ? "─" : "-";
    return all + "\n" + ticks_line();
  }

  std::string legend(const Validation& model) const {
    return in_lines(model.is_of_input
                        ? fmt::format("{} validation rows over the input   {} the model", point_, line_)
                        : fmt::format("{} what the model gives over what was wanted   {} both the same", point_, line_),
                    kLeft);
  }

 private:
  static std::size_t place(double share, std::size_t parts) {
    return std::min(static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(parts)), parts - 1);
  }
  std::size_t column(double x) const { return place(x_.place(x), kWidth); }
  std::size_t row(double y) const { return kHeight - 1 - place(y_.place(y), kHeight); }
  std::string_view& cell(std::size_t x, std::size_t y) { return cells_[y * kWidth + x]; }

  // Between two of its points the line goes straight, column by column.
  void draw_line() {
    for (std::size_t i = 1; i < plot_.line.size(); ++i) {
      const auto [x0, y0] = plot_.line[i - 1];
      const auto [x1, y1] = plot_.line[i];
      const std::size_t from = column(x0), to = column(x1);
      for (std::size_t x = from; x <= to; ++x) {
        const double share = to == from ? 0 : static_cast<double>(x - from) / static_cast<double>(to - from);
        cell(x, row(y0 + (y1 - y0) * share)) = line_;
      }
    }
  }

  std::string line_text(std::size_t y, const std::string& tick) const {
    std::string text = fmt::format("{:>{}.8} {}", tick, kLeft - 2, unicode_ ? (tick.empty() ? "│" : "┤") : "|");
    for (std::size_t x = 0; x < kWidth; ++x) text += cells_[y * kWidth + x];
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  }

  std::string ticks_line() const {
    std::string marks(kWidth, ' ');
    std::size_t free = 0;
    for (const double tick : x_.ticks) {
      const std::string text = x_.tick_text(tick);
      const std::size_t middle = column(tick), half = text.size() / 2;
      const std::size_t at = std::min(middle - std::min(middle, half), kWidth - text.size());
      if (at < free) continue;
      marks.replace(at, text.size(), text);
      free = at + text.size() + 1;
    }
    marks.erase(marks.find_last_not_of(' ') + 1);
    return std::string(kLeft, ' ') + marks + "\n";
  }

  const PlotPoints& plot_;
  Axis x_, y_;
  std::vector<std::string_view> cells_;
  std::string_view point_, line_;
  bool unicode_;
};

}  // namespace

std::string text_plot(const Validation& model, bool unicode) {
  if (model.points.empty()) return {};
  const PlotPoints plot = plot_points(model);
  Cells cells(plot, unicode);
  return cells.text() + cells.legend(model);
}

}  // namespace millrace::pipelines
