// Curves as text, for a terminal or a log.
#pragma once

#include "report/curve.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A curve and what stands for it in the chart.
struct MarkedCurve {
  const Curve* curve = nullptr;
  std::string label;  ///< as it is named beside its mark
  char mark = 0;      ///< a letter; 0: blocks and points, of which there are kMostUnlettered
};
inline constexpr std::size_t kMostUnlettered = 4;

struct ChartSize {
  std::size_t columns = 78, rows = 10;  ///< of lines in all, and of values
  bool unicode = false;
};

/// Lines of at most `columns` columns: values with ticks at the left, epochs below, then which mark is whose with its last value. Empty where no value is finite.
std::string text_chart(const std::vector<MarkedCurve>& curves, const ChartSize& size);

}  // namespace millrace::pipelines
