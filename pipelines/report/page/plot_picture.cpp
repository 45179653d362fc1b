// Rows are points, the model is a line: through its values in the order of the input.
#include "plot_picture.hpp"

#include "page_style.hpp"
#include "report/axis.hpp"
#include "report/validation/shown/plot_points.hpp"
#include "standalone_svg.hpp"

#include <fmt/format.h>

#include <iterator>

namespace millrace::pipelines {
namespace {

constexpr double kWidth = 400, kHeight = 230, kLeft = 46, kTop = 10, kBottom = 36, kRight = 12;
constexpr std::string_view kPointColor = kSeriesColors[0], kLineColor = kSeriesColors[1];

class Plot {
 public:
  explicit Plot(const Validation& model)
      : model_(model), points_(plot_points(model)), x_(points_.x_axis()), y_(points_.y_axis()) {}

  std::string svg() {
    put("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" font-family=\"system-ui,sans-serif\" "
        "font-size=\"10\" "
        "fill=\"currentColor\">\n",
        kWidth, kHeight, plot_title(model_));
    put_axes();
    put_line();
    for (const auto& [x, y] : points_.points)
      put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.6\" fill=\"{}\" fill-opacity=\".8\"><title>{} at "
          "{}</title></circle>\n",
          x_of(x), y_of(y), kPointColor, value_text(y), value_text(x));
    return out_ + "</svg>\n";
  }

 private:
  template <class... Values>
  void put(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Values>(values)...);
  }
  double x_of(double value) const { return kLeft + (kWidth - kRight - kLeft) * x_.place(value); }
  double y_of(double value) const { return kTop + (kHeight - kBottom - kTop) * (1 - y_.place(value)); }

  void put_axes() {
    const double base = kHeight - kBottom;
    for (const double tick : y_.ticks)
      put("<path d=\"M{0:.1f} {1:.1f}H{2:.1f}\" stroke=\"currentColor\" stroke-opacity=\".14\"/><text x=\"{3:.1f}\" "
          "y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
          kLeft, y_of(tick), kWidth - kRight, kLeft - 5, y_of(tick) + 3.5, y_.tick_text(tick));
    for (const double tick : x_.ticks)
      put("<path d=\"M{0:.1f} {1:.1f}v4\" stroke=\"currentColor\" stroke-opacity=\".45\"/><text x=\"{0:.1f}\" "
          "y=\"{2:.1f}\" text-anchor=\"middle\">{3}</text>\n",
          x_of(tick), base, base + 14, x_.tick_text(tick));
    put("<path d=\"M{:.1f} {:.1f}V{:.1f}H{:.1f}\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".45\"/>\n",
        kLeft, kTop, base, kWidth - kRight);
    put("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", (kLeft + kWidth - kRight) / 2,
        kHeight - 6, points_.x_name);
  }

  void put_line() {
    std::string path;
    for (const auto& [x, y] : points_.line)
      fmt::format_to(std::back_inserter(path), "{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x_of(x), y_of(y));
    put("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"/>\n", path,
        kLineColor);
  }

  const Validation& model_;
  PlotPoints points_;
  Axis x_, y_;
  std::string out_;
};

}  // namespace

std::string plot_picture(const Validation& model) { return model.points.empty() ? "" : Plot(model).svg(); }

std::string plot_file(const Validation& model) { return standalone_svg(plot_picture(model), kWidth, kHeight); }

const char* plot_title(const Validation& model) {
  return model.is_of_input ? "Rows as points, the model as a line"
                           : "What the model gives for each row, over what was wanted";
}

}  // namespace millrace::pipelines
