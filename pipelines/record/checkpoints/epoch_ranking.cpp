// A value that is not finite is never the best: no model of such an epoch is worth keeping.
#include "epoch_ranking.hpp"

#include "record/runs/run_status.hpp"

#include <cmath>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

std::string compared_metric_of(const Metrics& metrics) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.values) names.push_back(name);
  return compared_metric(names);
}

}  // namespace

EpochRanking::EpochRanking(Monitor monitor, std::span<const Metrics> epochs) : monitor_(std::move(monitor)) {
  if (monitor_.metric.empty()) monitor_.is_largest_best = false;
  for (const Metrics& epoch : epochs) told(epoch);
}

std::optional<double> EpochRanking::told(const Metrics& metrics) {
  if (monitor_.metric.empty()) monitor_.metric = compared_metric_of(metrics);
  const std::optional<double> value = metrics.find(monitor_.metric);
  if (!value || !std::isfinite(*value)) return std::nullopt;
  if (!best_ || is_better(*value, best_->value)) best_ = Best{metrics.epoch, *value};
  return value;
}

bool EpochRanking::is_better(double value, double than) const {
  return monitor_.is_largest_best ? value > than : value < than;
}

}  // namespace millrace::pipelines
