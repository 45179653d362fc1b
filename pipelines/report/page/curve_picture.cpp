// A value that is not finite leaves a gap. Names stand beside the ends, so that nobody has to match colors.
#include "curve_picture.hpp"

#include "diagnostics/text_cells.hpp"
#include "html_text.hpp"
#include "page_style.hpp"
#include "report/axis.hpp"
#include "report/cut_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr double kWidth = 400, kHeight = 210, kLeft = 46, kTop = 10, kBottom = 24;
constexpr double kCell = 5.7, kLine = 13;         // of a text of 10 units
constexpr double kRight = 60, kRightOfLog = 108;  // at least, for what stands beside the axis of epochs
constexpr std::size_t kMostNameColumns = 16, kMostTitled = 60;

struct EndLabel {
  std::string text;
  double wanted = 0, y = 0;
  std::size_t curve = 0;
};

class Picture {
 public:
  Picture(const std::vector<const Curve*>& curves, std::size_t most_points)
      : curves_(curves), most_points_(most_points) {
    double least = std::numeric_limits<double>::infinity(), most = -least;
    double first = least, last = most;
    for (const Curve* curve : curves)
      for (const CurvePoint& point : curve->points) {
        first = std::min<double>(first, point.epoch);
        last = std::max<double>(last, point.epoch);
        if (!std::isfinite(point.value)) continue;
        least = std::min(least, point.value);
        most = std::max(most, point.value);
      }
    is_empty_ = least > most;
    if (is_empty_) return;
    values_ = value_axis(least, most, 5, !is_largest_best(curves.front()->name));
    epochs_ = epoch_axis(first, last, 6);
    if (values_.is_log) right_ = kRightOfLog;
    make_labels();
  }

  std::string svg() {
    if (is_empty_) return {};
    put("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" font-family=\"system-ui,sans-serif\" "
        "font-size=\"10\" "
        "fill=\"currentColor\">\n",
        kWidth, kHeight, html_text(description()));
    put_axes();
    for (std::size_t i = curves_.size(); i-- > 0;) put_curve(i);
    put_labels();
    out_ += "</svg>\n";
    return std::move(out_);
  }

 private:
  template <class... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
  }

  double x_of(double epoch) const { return kLeft + (kWidth - right_ - kLeft) * epochs_.place(epoch); }
  double y_of(double value) const {
    return kTop + (kHeight - kBottom - kTop) * (1 - std::clamp(values_.place(value), 0.0, 1.0));
  }
  static std::string_view color_of(std::size_t curve) { return kSeriesColors[curve % kSeriesColors.size()]; }

  std::string description() const {
    std::string text;
    for (const Curve* curve : curves_)
      text += fmt::format("{}{} by epoch, {} at the end", text.empty() ? "" : "; ", curve->name,
                          value_text(curve->points.back().value));
    return text;
  }

  // The wanted places are those of the last finite values; labels push each other apart from the top on, then back from below.
  void make_labels() {
    for (std::size_t i = 0; i < curves_.size(); ++i) {
      const auto& points = curves_[i]->points;
      const auto last =
          std::find_if(points.rbegin(), points.rend(), [](const CurvePoint& p) { return std::isfinite(p.value); });
      if (last == points.rend()) continue;
      const std::string text =
          fmt::format("{} {}", cut_to(curves_[i]->name, kMostNameColumns), value_text(points.back().value));
      labels_.push_back({text, y_of(last->value), y_of(last->value), i});
      right_ = std::max(right_, 22 + kCell * static_cast<double>(cells_of(text)));
    }
    std::sort(labels_.begin(), labels_.end(), [](const EndLabel& a, const EndLabel& b) { return a.wanted < b.wanted; });
    for (std::size_t i = 1; i < labels_.size(); ++i) labels_[i].y = std::max(labels_[i].y, labels_[i - 1].y + kLine);
    double most = kHeight - kBottom - kLine / 2;
    for (std::size_t i = labels_.size(); i-- > 0; most -= kLine) labels_[i].y = std::min(labels_[i].y, most);
  }

  void put_axes() {
    const double end = kWidth - right_, base = kHeight - kBottom;
    for (const double tick : values_.ticks) {
      const double y = y_of(tick);
      put("<path d=\"M{:.1f} {:.1f}H{:.1f}\" stroke=\"currentColor\" stroke-opacity=\".14\"/>"
          "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n",
          kLeft, y, end, kLeft - 5, y + 3.5, values_.tick_text(tick));
    }
    put("<path d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".45\"/>\n",
        kLeft, kTop, base, end);
    for (const double tick : epochs_.ticks)
      put("<path d=\"M{0:.1f} {1:.1f}v4\" stroke=\"currentColor\" stroke-opacity=\".45\"/><text x=\"{0:.1f}\" "
          "y=\"{2:.1f}\" "
          "text-anchor=\"middle\">{3}</text>\n",
          x_of(tick), base, base + 14, epochs_.tick_text(tick));
    put("<text x=\"{:.1f}\" y=\"{:.1f}\">epoch{}</text>\n", end + 14, base + 14, values_.is_log ? ", log. scale" : "");
  }

  void put_curve(std::size_t i) {
    const Curve& curve = *curves_[i];
    std::string path;
    bool is_pen_down = false;
    for (const CurvePoint& point : thinned(curve.points, most_points_)) {
      if (std::isfinite(point.value))
        fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", is_pen_down ? "L" : "M", x_of(point.epoch),
                       y_of(point.value));
      is_pen_down = std::isfinite(point.value);
    }
    put("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>\n", path,
        color_of(i));
    if (curve.points.size() <= kMostTitled) put_points(i);
    if (const auto best = best_of(curve); best && !is_time(curve.name) && curve.points.size() > 1)
      put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\"><title>best "
          "{}: {} in epoch {}</title></circle>\n",
          x_of(best->epoch), y_of(best->value), color_of(i), html_text(curve.name), value_text(best->value),
          best->epoch);
  }

  // What a pointer rests on says its value; no script is needed for that.
  void put_points(std::size_t i) {
    for (const CurvePoint& point : curves_[i]->points)
      if (std::isfinite(point.value))
        put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.2\" fill=\"{}\"><title>{} {} in epoch {}</title></circle>\n",
            x_of(point.epoch), y_of(point.value), color_of(i), html_text(curves_[i]->name), value_text(point.value),
            point.epoch);
  }

  void put_labels() {
    const double end = kWidth - right_;
    for (const EndLabel& label : labels_) {
      put("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"{}\" stroke-width=\"1\"/>", end + 3, label.wanted,
          end + 12, label.y, color_of(label.curve));
      put("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", end + 15, label.y + 3.5, html_text(label.text));
    }
  }

  const std::vector<const Curve*>& curves_;
  std::size_t most_points_;
  bool is_empty_ = false;
  double right_ = kRight;
  Axis values_, epochs_;
  std::vector<EndLabel> labels_;
  std::string out_;
};

}  // namespace

std::size_t drawn_points(std::size_t curves) {
  constexpr std::size_t kLeast = 50;
  return std::clamp(kMostPagePoints / std::max<std::size_t>(curves, 1), kLeast, kMostDrawnPoints);
}

std::string curve_picture(const std::vector<const Curve*>& curves, std::size_t most_points) {
  return Picture(curves, most_points).svg();
}

}  // namespace millrace::pipelines
