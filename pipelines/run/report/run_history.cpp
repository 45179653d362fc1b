// Values are kept by epoch and node under one lock, which any thread may take, and told when their epoch has ended.
#include "run_history.hpp"

#include "check/rules/metric_names.hpp"

#include <millrace/detail/number_text.hpp>
#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace millrace::pipelines {
namespace {

void require_finite(const std::string& name, double value, std::uint32_t epoch) {
  if (std::isfinite(value)) return;
  throw Error(ErrorKind::diverged, "diverged",
              fmt::format("`{}` of epoch {} is {}", name, epoch, without_nan_sign(value)),
              "lower the learning rate, clip the gradient (clip_norm) or check the data that this is measured on");
}

}  // namespace

RunHistory::RunHistory(std::vector<std::string> nodes, std::vector<ReportedPort> ports, RunObserver* observer,
                       std::chrono::steady_clock::time_point began)
    : nodes_(std::move(nodes)), ports_(std::move(ports)), observer_(observer), began_(began) {}

void RunHistory::port_metrics(std::string_view node, std::string_view port, const Metrics& metrics) {
  const std::lock_guard lock(mutex_);
  std::vector<Value> values;
  bool is_listed = false;
  for (std::size_t i = 0; i < ports_.size(); ++i)
    if (ports_[i].node == node && ports_[i].port == port) {
      name_values(i, ports_[i].prefix, metrics, values);
      is_listed = true;
    }
  if (is_listed) add(metrics.epoch, values);
  if (!metrics.values.empty()) worked_.emplace(node);
  told_[{std::string(node), std::string(port)}].insert(metrics.epoch);
}

void RunHistory::own_metrics(std::string_view node, const Metrics& metrics) {
  const std::lock_guard lock(mutex_);
  std::vector<Value> values;
  name_values(ports_.size() + index_of(node), "", metrics, values);
  add(metrics.epoch, values);
  if (!values.empty()) worked_.emplace(node);
}

void RunHistory::name_values(std::size_t place, const std::string& prefix, const Metrics& metrics,
                             std::vector<Value>& values) {
  for (const auto& [name, value] : metrics.values) values.push_back({place, prefix + name, value});
}

void RunHistory::add(std::uint32_t number, const std::vector<Value>& values) {
  const auto known = epochs_.find(number);
  Places fresh;
  for (const Value& value : values) {
    require_finite(value.name, value.value, number);
    if (known != epochs_.end()) require_free(known->second, value);
    require_free(fresh, value);
    keep(value, fresh[value.place]);
  }
  Places& epoch = epochs_[number];
  for (const Value& value : values) keep(value, epoch[value.place]);
  if (observer_) observer_->epoch(together(number, epoch), false);
}

// A stage may tell an epoch in several pieces, and a value again when it is final.
void RunHistory::keep(const Value& value, Metrics& metrics) {
  const auto same = [&](const auto& entry) { return entry.first == value.name; };
  const auto known = std::find_if(metrics.values.begin(), metrics.values.end(), same);
  if (known == metrics.values.end())
    metrics.set(value.name, value.value);
  else
    known->second = value.value;
}

void RunHistory::require_free(const Places& epoch, const Value& value) const {
  if (value.name.empty() || value.name == kReservedMetric)
    throw Error(ErrorKind::run, "reserved-metric",
                fmt::format("{} tells a metric `{}`, which no metric may be called", told_by(value.place), value.name),
                "wire it into a metrics_sink under another name");
  for (const auto& [other, values] : epoch)
    if (other != value.place && values.find(value.name))
      throw Error(ErrorKind::run, "metric-clash",
                  fmt::format("{} and {} both tell `{}`", told_by(other), told_by(value.place), value.name),
                  "wire one of the two into a metrics_sink under another name");
}

std::string RunHistory::told_by(std::size_t place) const {
  return place < ports_.size() ? fmt::format("`{}.{}`", ports_[place].node, ports_[place].port)
                               : fmt::format("node `{}`", node_of(place));
}

const std::string& RunHistory::node_of(std::size_t place) const {
  return place < ports_.size() ? ports_[place].node : nodes_[place - ports_.size()];
}

Metrics RunHistory::together(std::uint32_t number, const Places& epoch) {
  Metrics all;
  all.epoch = number;
  for (const auto& [place, values] : epoch)
    all.values.insert(all.values.end(), values.values.begin(), values.values.end());
  return all;
}

std::size_t RunHistory::index_of(std::string_view node) const {
  return static_cast<std::size_t>(std::find(nodes_.begin(), nodes_.end(), node) - nodes_.begin());
}

void RunHistory::epoch_ended(std::uint32_t epoch) {
  const std::lock_guard lock(mutex_);
  pass_on_texts(epoch);
  forget_models(epoch);
  pass_on_accounts(epoch);
  const auto known = epochs_.find(epoch);
  if (observer_ && known != epochs_.end()) observer_->epoch(together(epoch, known->second), true);
}

void RunHistory::pass_on_accounts(std::uint32_t epoch) {
  const auto accounts = accounts_.extract(epoch);
  if (observer_ && !accounts.empty()) observer_->rows(epoch, accounts.mapped());
}

void RunHistory::rows_taken(const std::string& node, const RowAccount& account) {
  const std::lock_guard lock(mutex_);
  accounts_[account.epoch].insert_or_assign(node, account);
}

// What a failure in a later epoch leaves is the last model of the epochs up to this one.
void RunHistory::forget_models(std::uint32_t epoch) {
  for (auto& [node, models] : models_) {
    const auto later = models.upper_bound(epoch);
    if (later != models.begin()) models.erase(models.begin(), std::prev(later));
  }
}

void RunHistory::ending(const RunFailure& failure) {
  const std::lock_guard lock(mutex_);
  if (observer_) observer_->ending(failure);
}

void RunHistory::finish() {
  const std::lock_guard lock(mutex_);
  pass_on_texts(UINT32_MAX);
  if (observer_) observer_->finish();
}

void RunHistory::pass_on_texts(std::uint32_t last_epoch) {
  while (!texts_.empty() && texts_.begin()->first <= last_epoch) {
    const std::map<std::size_t, std::string> by_node = std::move(texts_.begin()->second);
    texts_.erase(texts_.begin());
    for (const auto& [node, text] : by_node) {
      // Whose text it is, is a question where there are several.
      if (observer_) observer_->print(by_node.size() > 1 ? fmt::format("node {}:\n{}", nodes_[node], text) : text);
    }
  }
}

void RunHistory::busy(const std::map<std::string, double>& seconds_by_node) {
  const std::lock_guard lock(mutex_);
  if (observer_) observer_->busy(seconds_by_node);
}

void RunHistory::step(const std::string& node, const StepProgress& progress) {
  const std::lock_guard lock(mutex_);
  if (!worked_.contains(node)) worked_.insert(node);
  if (first_step_ == 0) first_step_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  if (observer_) observer_->step(node, progress);
}

void RunHistory::model(std::string_view node, std::uint32_t epoch, std::shared_ptr<const ModelSnapshot> model) {
  if (const std::string where = model->not_finite(); !where.empty())
    throw Error(ErrorKind::diverged, "diverged",
                fmt::format("at the end of epoch {} {} has weights that are not finite", model->epoch(), where),
                "lower the learning rate, clip the gradient (clip_norm) or check the range of the inputs");
  const std::lock_guard lock(mutex_);
  const std::size_t index = index_of(node);
  models_[index][epoch] = {nodes_[index], std::move(model)};
}

void RunHistory::best_epoch(std::string_view node, const BestEpoch& best) {
  const std::lock_guard lock(mutex_);
  best_epochs_[std::string(node)] = best;
}

std::map<std::string, BestEpoch> RunHistory::best_epochs() const {
  const std::lock_guard lock(mutex_);
  return best_epochs_;
}

void RunHistory::print(std::string_view node, std::optional<std::uint32_t> epoch, std::string_view text) {
  const std::lock_guard lock(mutex_);
  if (epoch)
    texts_[*epoch][index_of(node)] += text;
  else if (observer_)
    observer_->print(text);
}

void RunHistory::warning(RunWarning warning) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const RunWarning& told) { return told.node == warning.node && told.name == warning.name; };
  const auto told = std::find_if(warnings_.begin(), warnings_.end(), same);
  if (told != warnings_.end()) {
    ++told->count;
    return;
  }
  warning.count = 1;
  warnings_.push_back(std::move(warning));
  if (observer_) observer_->warning(warnings_.back());
}

bool RunHistory::has_worked(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  return worked_.contains(node);
}

std::vector<RunWarning> RunHistory::warnings() const {
  const std::lock_guard lock(mutex_);
  return warnings_;
}

std::vector<Metrics> RunHistory::epochs(const EpochCut& cut) const {
  const std::lock_guard lock(mutex_);
  std::vector<Metrics> all;
  for (const auto& [number, epoch] : epochs_) {
    Places kept = epoch;
    std::erase_if(kept, [&, n = number](const auto& place) { return !cut.keeps(n, node_of(place.first)); });
    if (!kept.empty() || cut.keeps(number)) all.push_back(together(number, kept));
  }
  return all;
}

std::vector<TrainedModel> RunHistory::models(const EpochCut& cut) const {
  const std::lock_guard lock(mutex_);
  std::vector<TrainedModel> all;
  for (const auto& [node, models] : models_) {
    const auto last = std::find_if(models.rbegin(), models.rend(),
                                   [&](const auto& model) { return cut.keeps(model.first, model.second.node); });
    if (last != models.rend()) all.push_back(last->second);
  }
  return all;
}

std::vector<std::uint32_t> RunHistory::missing(std::string_view node, std::string_view port, std::uint32_t first,
                                               std::uint32_t last) const {
  const std::lock_guard lock(mutex_);
  const auto told = told_.find({std::string(node), std::string(port)});
  std::vector<std::uint32_t> epochs;
  for (std::uint32_t epoch = first; epoch <= last; ++epoch)
    if (told == told_.end() || !told->second.contains(epoch)) epochs.push_back(epoch);
  return epochs;
}

double RunHistory::first_step_seconds() const {
  const std::lock_guard lock(mutex_);
  return first_step_;
}

}  // namespace millrace::pipelines
