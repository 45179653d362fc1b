// The axes of a chart, drawn or written alike: where a value lies, and where ticks stand.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

struct Axis {
  double least = 0, most = 1;  ///< least < most
  bool is_log = false;
  std::vector<double> ticks;  ///< within, ascending
  int decimals = -1;          ///< of the ticks' texts; negative: as many as each takes

  /// 0 at `least`, 1 at `most`; between them for each value between.
  double place(double value) const;
  std::string tick_text(double tick) const;
};

/// For values from `least` to `most`, both finite, with a little room around and at most `most_ticks` ticks, at least 2. A logarithmic one where all are
/// above 0 and `most` is at least kLogRatio times `least`, if `may_be_log`.
Axis value_axis(double least, double most, int most_ticks, bool may_be_log);
inline constexpr double kLogRatio = 12;
/// For whole numbers, without room around.
Axis epoch_axis(double first, double last, int most_ticks);

/// Four digits: "0.07413", "1.5e+06", "nan".
std::string value_text(double value);

}  // namespace millrace::pipelines
