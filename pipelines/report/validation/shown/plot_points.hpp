// Validation rows of a model with one output: what is a point, what is the line, and where the axes end.
#pragma once

#include "report/axis.hpp"
#include "report/validation/validation.hpp"

#include <utility>
#include <vector>

namespace millrace::pipelines {

struct PlotPoints {
  std::vector<std::pair<double, double>> points, line;
  const char* x_name = "";

  Axis x_axis(int most_ticks = 8) const;
  Axis y_axis(int most_ticks = 6) const;
};

/// `model` has points.
PlotPoints plot_points(const Validation& model);

}  // namespace millrace::pipelines
