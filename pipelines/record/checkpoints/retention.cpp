// A value that is not finite is never the best: the comparison with it is false.
#include "retention.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace millrace::pipelines {

Retention::Retention(RetentionPolicy policy) : policy_(std::move(policy)) {
  policy_.keep_last = std::max<std::size_t>(policy_.keep_last, 1);
}

void Retention::told(const Metrics& metrics) {
  const auto value = metrics.find(policy_.best_metric);
  if (value && std::isfinite(*value)) values_[metrics.epoch] = *value;
}

void Retention::add(StoredCheckpoint file) {
  std::erase_if(files_, [&](const StoredCheckpoint& other) { return other.path == file.path; });
  files_.push_back(std::move(file));
}

bool Retention::is_better(double value, double than) const {
  return policy_.is_best_largest ? value > than : value < than;
}

const StoredCheckpoint* Retention::best() const {
  const StoredCheckpoint* best = nullptr;
  for (const StoredCheckpoint& file : files_) {
    const auto value = values_.find(file.position.epoch);
    if (!file.position.is_epoch_complete || value == values_.end()) continue;
    if (best == nullptr || is_better(value->second, values_.at(best->position.epoch))) best = &file;
  }
  return best;
}

std::vector<StoredCheckpoint> Retention::take_superfluous() {
  const StoredCheckpoint* const kept = best();
  const std::size_t older = files_.size() - std::min(policy_.keep_last, files_.size());
  std::vector<StoredCheckpoint> stay, go;
  for (std::size_t i = 0; i < files_.size(); ++i) (i >= older || &files_[i] == kept ? stay : go).push_back(files_[i]);
  files_ = std::move(stay);
  return go;
}

}  // namespace millrace::pipelines
