// Checkpoints come in the order of their positions, so that values of epochs before the newest file are wanted for those with a file alone.
#include "retention.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace millrace::pipelines {

Retention::Retention(RetentionPolicy policy)
    : keep_last_(std::max<std::size_t>(policy.keep_last, 1)), ranking_(std::move(policy.monitor)) {}

void Retention::told(const Metrics& metrics) {
  if (const auto value = ranking_.told(metrics)) values_[metrics.epoch] = *value;
}

bool Retention::is_best(const CheckpointPosition& position) const {
  return position.is_epoch_complete && ranking_.best() && ranking_.best()->epoch == position.epoch;
}

void Retention::add(StoredCheckpoint file) {
  std::erase_if(files_, [&](const StoredCheckpoint& other) { return other.path == file.path; });
  files_.push_back(std::move(file));
}

const StoredCheckpoint* Retention::best() const {
  const StoredCheckpoint* best = nullptr;
  for (const StoredCheckpoint& file : files_) {
    const auto value = values_.find(file.position.epoch);
    if (!file.position.is_epoch_complete || value == values_.end()) continue;
    if (best == nullptr || ranking_.is_better(value->second, values_.at(best->position.epoch))) best = &file;
  }
  return best;
}

std::vector<StoredCheckpoint> Retention::take_superfluous() {
  const StoredCheckpoint* const kept = best();
  const std::size_t older = files_.size() - std::min(keep_last_, files_.size());
  std::vector<StoredCheckpoint> stay, go;
  for (std::size_t i = 0; i < files_.size(); ++i) (i >= older || &files_[i] == kept ? stay : go).push_back(files_[i]);
  files_ = std::move(stay);
  forget_values();
  return go;
}

void Retention::forget_values() {
  if (files_.empty()) return;
  std::set<std::uint32_t> stored;
  for (const StoredCheckpoint& file : files_) stored.insert(file.position.epoch);
  const std::uint32_t newest = files_.back().position.epoch;
  std::erase_if(values_, [&](const auto& value) { return value.first < newest && !stored.contains(value.first); });
}

}  // namespace millrace::pipelines
