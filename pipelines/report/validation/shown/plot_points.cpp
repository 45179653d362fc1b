// Where the input is known, what was wanted stands over it; else what is given stands over what was wanted.
#include "plot_points.hpp"

#include <algorithm>
#include <limits>

namespace millrace::pipelines {
namespace {

Axis axis_of(const PlotPoints& plot, double std::pair<double, double>::*part, int most_ticks) {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const auto* list : {&plot.points, &plot.line})
    for (const auto& point : *list) {
      least = std::min(least, point.*part);
      most = std::max(most, point.*part);
    }
  return value_axis(least, most, most_ticks, false);
}

}  // namespace

Axis PlotPoints::x_axis(int most_ticks) const { return axis_of(*this, &std::pair<double, double>::first, most_ticks); }
Axis PlotPoints::y_axis(int most_ticks) const { return axis_of(*this, &std::pair<double, double>::second, most_ticks); }

PlotPoints plot_points(const Validation& model) {
  PlotPoints plot;
  plot.x_name = model.is_of_input ? "input" : "wanted";
  for (const PlotPoint& point : model.points) {
    plot.points.emplace_back(point.x, model.is_of_input ? point.wanted : point.given);
    plot.line.emplace_back(point.x, model.is_of_input ? point.given : point.x);
  }
  std::sort(plot.line.begin(), plot.line.end());
  return plot;
}

}  // namespace millrace::pipelines
