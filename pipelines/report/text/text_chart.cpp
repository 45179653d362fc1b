// A grid of cells. The first curve has half cells, so that it goes twice as fine; it is drawn last, over the others.
#include "text_chart.hpp"

#include "diagnostics/text_cells.hpp"
#include "report/axis.hpp"
#include "report/cut_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostLabelColumns = 40, kLeft = 10;  // for ticks, with the line of the axis
constexpr const char* kSeveral = "*";
constexpr std::array<std::string_view, kMostUnlettered> kMarks{"█", "·", "+", "×"}, kPlainMarks{"#", ".", "+", "x"};

struct Extent {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  void add(double value) {
    if (!std::isfinite(value)) return;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  bool is_empty() const { return least > most; }
};

Extent values_of(const std::vector<MarkedCurve>& curves) {
  Extent extent;
  for (const MarkedCurve& marked : curves)
    for (const CurvePoint& point : marked.curve->points) extent.add(point.value);
  return extent;
}

Extent epochs_of(const std::vector<MarkedCurve>& curves) {
  Extent extent;
  for (const MarkedCurve& marked : curves)
    for (const CurvePoint& point : marked.curve->points) extent.add(point.epoch);
  return extent;
}

class Grid {
 public:
  Grid(const ChartSize& size, Axis epochs, Axis values)
      : unicode_(size.unicode),
        width_(size.columns - kLeft),
        height_(size.rows),
        epochs_(std::move(epochs)),
        values_(std::move(values)),
        cells_(width_ * height_, " ") {}

  void draw(const MarkedCurve& marked, std::size_t number) {
    const bool has_halves = unicode_ && marked.mark == 0 && number == 0;
    for (std::size_t x = 0; x < width_; ++x) {
      const Extent extent = column(*marked.curve, x);
      if (extent.is_empty()) continue;
      if (has_halves)
        put_halves(x, extent);
      else
        put(x, extent, mark_of(marked, number), marked.mark != 0);
    }
  }

  std::string mark_of(const MarkedCurve& marked, std::size_t number) const {
    if (marked.mark != 0) return std::string(1, marked.mark);
    return std::string((unicode_ ? kMarks : kPlainMarks)[number % kMostUnlettered]);
  }

  bool has_several() const { return has_several_; }

  std::string text() const {
    std::vector<std::string> ticks(height_);
    for (const double tick : values_.ticks) ticks[row_of(tick, 1)] = values_.tick_text(tick);
    std::string all;
    for (std::size_t y = 0; y < height_; ++y) {
      std::string line = fmt::format("{:>8.8} {}", ticks[y], unicode_ ? (ticks[y].empty() ? "│" : "┤") : "|");
      for (std::size_t x = 0; x < width_; ++x) line += cells_[y * width_ + x];
      line.erase(line.find_last_not_of(' ') + 1);
      all += line + "\n";
    }
    return all + epochs_line();
  }

 private:
  // From the top; `parts` of a row.
  std::size_t row_of(double value, std::size_t parts) const {
    const double from_top = (1 - std::clamp(values_.place(value), 0.0, 1.0)) * static_cast<double>(height_ * parts);
    return std::min(static_cast<std::size_t>(from_top), height_ * parts - 1);
  }

  double epoch_at(double column) const {
    return epochs_.least +
           (epochs_.most - epochs_.least) * column / static_cast<double>(std::max<std::size_t>(width_ - 1, 1));
  }

  // The values of the epochs that lie in a column, or what lies between two epochs there.
  Extent column(const Curve& curve, std::size_t x) const {
    const double from = epoch_at(static_cast<double>(x) - 0.5), to = epoch_at(static_cast<double>(x) + 0.5);
    const auto first = std::lower_bound(curve.points.begin(), curve.points.end(), from,
                                        [](const CurvePoint& p, double epoch) { return p.epoch < epoch; });
    Extent extent;
    for (auto point = first; point != curve.points.end() && point->epoch < to; ++point) extent.add(point->value);
    const bool has_epoch = first != curve.points.end() && first->epoch < to;
    if (has_epoch || first == curve.points.begin() || first == curve.points.end()) return extent;
    const CurvePoint &before = *(first - 1), &after = *first;
    const double share = (epoch_at(static_cast<double>(x)) - before.epoch) / (after.epoch - before.epoch);
    extent.add(between(before.value, after.value, share));
    return extent;
  }

  double between(double a, double b, double share) const {
    if (values_.is_log && a > 0 && b > 0) return std::exp(std::log(a) + (std::log(b) - std::log(a)) * share);
    return a + (b - a) * share;
  }

  // Letters that would hide each other give way to one for several.
  void put(std::size_t x, const Extent& extent, const std::string& mark, bool is_letter) {
    for (std::size_t y = row_of(extent.most, 1); y <= row_of(extent.least, 1); ++y) {
      std::string& cell = cells_[y * width_ + x];
      has_several_ = has_several_ || (is_letter && cell != " ");
      cell = is_letter && cell != " " ? kSeveral : mark;
    }
  }

  void put_halves(std::size_t x, const Extent& extent) {
    const std::size_t top = row_of(extent.most, 2), end = row_of(extent.least, 2);
    for (std::size_t y = top / 2; y <= end / 2; ++y) {
      const bool has_upper = 2 * y >= top, has_lower = 2 * y + 1 <= end;
      cells_[y * width_ + x] = has_upper && has_lower ? "█" : has_upper ? "▀" : "▄";
    }
  }

  std::string epochs_line() const {
    std::string marks(width_, ' ');
    std::string line = std::string(kLeft - 1, ' ') + (unicode_ ? "└" : "+");
    for (std::size_t x = 0; x < width_; ++x) line += unicode_ ? "─" : "-";
    std::size_t free = 0;
    for (const double tick : epochs_.ticks) {
      const std::string text = epochs_.tick_text(tick);
      const auto middle = static_cast<std::size_t>(epochs_.place(tick) * static_cast<double>(width_ - 1));
      const std::size_t at = std::min(middle - std::min(middle, text.size() / 2), width_ - text.size());
      if (at < free) continue;
      marks.replace(at, text.size(), text);
      free = at + text.size() + 1;
    }
    marks.erase(marks.find_last_not_of(' ') + 1);
    return line + "\n" + std::string(kLeft, ' ') + marks + "\n";
  }

  bool unicode_, has_several_ = false;
  std::size_t width_, height_;
  Axis epochs_, values_;
  std::vector<std::string> cells_;
};

std::string legend(const std::vector<MarkedCurve>& curves, const Grid& grid, const ChartSize& size, bool is_log) {
  std::string all, line = std::string(kLeft, ' ');
  const auto add = [&](const std::string& item) {
    if (cells_of(line) + cells_of(item) > size.columns && line.size() > kLeft) {
      all += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
      line = std::string(kLeft, ' ');
    }
    line += item;
  };
  for (std::size_t i = 0; i < curves.size(); ++i)
    add(fmt::format("{} {} {}   ", grid.mark_of(curves[i], i), cut_to(curves[i].label, kMostLabelColumns),
                    value_text(curves[i].curve->points.back().value)));
  if (grid.has_several()) add(fmt::format("{} several   ", kSeveral));
  if (is_log) add("(logarithmic)");
  return all + line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
}

}  // namespace

std::string text_chart(const std::vector<MarkedCurve>& curves, const ChartSize& size) {
  const Extent values = values_of(curves), epochs = epochs_of(curves);
  if (values.is_empty()) return {};
  const Axis axis = value_axis(values.least, values.most, static_cast<int>(std::max<std::size_t>(size.rows / 2, 2)),
                               !is_largest_best(curves.front().curve->name));
  Grid grid(size, epoch_axis(epochs.least, epochs.most, 8), axis);
  for (std::size_t i = curves.size(); i-- > 0;) grid.draw(curves[i], i);
  return grid.text() + legend(curves, grid, size, axis.is_log);
}

}  // namespace millrace::pipelines
