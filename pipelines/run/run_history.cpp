// What a run has to tell its user.
#include "run_history.hpp"

#include <algorithm>

namespace millrace::pipelines {

// A sink may report an epoch in several pieces, and a value again when it is final.
void RunHistory::epoch_metrics(const Metrics& metrics) {
  const std::lock_guard lock(mutex_);
  Metrics& epoch = epochs_[metrics.epoch];
  epoch.epoch = metrics.epoch;
  for (const auto& [name, value] : metrics.values) {
    const auto same = [&name = name](const auto& entry) { return entry.first == name; };
    const auto known = std::find_if(epoch.values.begin(), epoch.values.end(), same);
    if (known == epoch.values.end())
      epoch.set(name, value);
    else
      known->second = value;
  }
  if (observer_) observer_->epoch(epoch, false);
}

void RunHistory::epoch_ended(std::uint32_t epoch) {
  const std::lock_guard lock(mutex_);
  const auto known = epochs_.find(epoch);
  if (observer_ && known != epochs_.end()) observer_->epoch(known->second, true);
}

void RunHistory::busy(const std::map<std::string, double>& seconds_by_node) {
  const std::lock_guard lock(mutex_);
  if (observer_) observer_->busy(seconds_by_node);
}

void RunHistory::step(const StepProgress& progress) {
  const std::lock_guard lock(mutex_);
  if (first_step_ == 0) first_step_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  if (observer_) observer_->step(progress);
}

void RunHistory::model(std::shared_ptr<const ModelSnapshot> model) {
  const std::lock_guard lock(mutex_);
  model_ = std::move(model);
}

void RunHistory::print(std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (observer_) observer_->print(text);
}

std::vector<Metrics> RunHistory::epochs() const {
  const std::lock_guard lock(mutex_);
  std::vector<Metrics> all;
  for (const auto& [epoch, metrics] : epochs_) all.push_back(metrics);
  return all;
}

std::shared_ptr<const ModelSnapshot> RunHistory::last_model() const {
  const std::lock_guard lock(mutex_);
  return model_;
}

double RunHistory::first_step_seconds() const {
  const std::lock_guard lock(mutex_);
  return first_step_;
}

}  // namespace millrace::pipelines
