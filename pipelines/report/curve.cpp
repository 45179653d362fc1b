// Whose validation a metric is, is told by its name: a sink's prefix stands before it.
#include "curve.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::string_view kValidation = "val_";

// Where "val_" begins a word of the name.
std::size_t validation_at(const std::string& metric) {
  for (std::size_t at = metric.find(kValidation); at != std::string::npos; at = metric.find(kValidation, at + 1))
    if (at == 0 || std::string_view("_./").find(metric[at - 1]) != std::string_view::npos) return at;
  return std::string::npos;
}

void add_extremes(const CurvePoint* first, const CurvePoint* end, std::vector<CurvePoint>& kept) {
  const auto by_value = [](const CurvePoint& a, const CurvePoint& b) { return a.value < b.value; };
  const auto [least, most] = std::minmax_element(first, end, by_value);
  kept.push_back(least < most ? *least : *most);
  if (least != most) kept.push_back(least < most ? *most : *least);
}

}  // namespace

std::optional<double> Curve::at(std::uint32_t epoch) const {
  const auto found = std::lower_bound(points.begin(), points.end(), epoch,
                                      [](const CurvePoint& point, std::uint32_t e) { return point.epoch < e; });
  return found != points.end() && found->epoch == epoch ? std::optional(found->value) : std::nullopt;
}

bool is_largest_best(const std::string& metric) { return metric.ends_with("accuracy"); }

std::optional<CurvePoint> best_of(const Curve& curve) {
  std::optional<CurvePoint> best;
  for (const CurvePoint& point : curve.points) {
    if (!std::isfinite(point.value)) continue;
    if (!best || (is_largest_best(curve.name) ? point.value > best->value : point.value < best->value)) best = point;
  }
  return best;
}

std::string trained_name(const std::string& metric) {
  const std::size_t at = validation_at(metric);
  return at == std::string::npos ? metric : metric.substr(0, at) + metric.substr(at + kValidation.size());
}

bool is_validation(const std::string& metric) { return validation_at(metric) != std::string::npos; }

bool is_time(const std::string& metric) {
  return metric.ends_with("seconds") || metric.ends_with("samples_per_second");
}

std::vector<CurvePoint> thinned(const std::vector<CurvePoint>& points, std::size_t most) {
  if (points.size() <= most) return points;
  std::vector<CurvePoint> kept{points.front()};
  const std::size_t between = points.size() - 2, stretches = (most - 2) / 2;
  const CurvePoint* begin = points.data() + 1;
  for (std::size_t i = 0; i < stretches; ++i)
    add_extremes(begin + between * i / stretches, begin + between * (i + 1) / stretches, kept);
  kept.push_back(points.back());
  return kept;
}

std::vector<CurveGroup> groups_of(const std::vector<Curve>& curves) {
  std::vector<CurveGroup> groups;
  for (const Curve& curve : curves) {
    const std::string name = trained_name(curve.name);
    auto found = std::find_if(groups.begin(), groups.end(), [&](const CurveGroup& g) { return g.name == name; });
    if (found == groups.end()) found = groups.insert(groups.end(), {name, {}});
    found->curves.push_back(&curve);
  }
  std::stable_partition(groups.begin(), groups.end(), [](const CurveGroup& g) { return !is_time(g.name); });
  return groups;
}

}  // namespace millrace::pipelines
