// A metric over the epochs of a run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct CurvePoint {
  std::uint32_t epoch = 0;
  double value = 0;  ///< need not be finite
};

struct Curve {
  std::string name;                ///< of the metric
  std::vector<CurvePoint> points;  ///< in the order of their epochs, each once

  /// The value at an epoch; nothing where there is none.
  std::optional<double> at(std::uint32_t epoch) const;
};

/// More is better of an accuracy, less of everything else.
bool is_largest_best(const std::string& metric);
/// The best of the finite values, the first of several; nothing where there is none.
std::optional<CurvePoint> best_of(const Curve& curve);
/// "loss" of "val_loss", "b_loss" of "b_val_loss"; the name itself of a metric that is not of a validation.
std::string trained_name(const std::string& metric);
bool is_validation(const std::string& metric);
/// What took how long, rather than how good the model is.
bool is_time(const std::string& metric);

/// At most `most` points, at least 4, that look the same: of each stretch of epochs its smallest and its largest value, in their order. The first and the
/// last stay.
std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, std::size_t most);

/// Curves that belong into one picture.
struct CurveGroup {
  std::string name;  ///< "loss"
  std::vector<const Curve*> curves;
};
/// A metric and its validation together, in the order of the curves, what took time last. They point into `curves`.
std::vector<CurveGroup> groups_of(const std::vector<Curve>& curves);

}  // namespace millrace::pipelines
