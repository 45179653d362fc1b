// States are copied by whoever trains, put together under one lock, and written by another thread.
#include "checkpoint_keeper.hpp"

#include "process/command_error.hpp"

#include <millrace/detail/file_calls.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <set>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

CheckpointKeeper::CheckpointKeeper(const ValidatedGraph& graph, const std::string& folder, CheckpointPolicy policy,
                                   KeeperHooks hooks, const std::vector<NodeState>& loaded)
    : nodes_(kept_nodes(graph)),
      folder_(folder),
      policy_(std::move(policy)),
      hooks_(std::move(hooks)),
      takes_in_epoch_(graph.ranks.size == 1),
      pending_(pending_nodes(nodes_), graph.first_epoch, loaded),
      writer_(
          folder, checkpoint_models(nodes_), [this](const WrittenCheckpoint& written) { keep(written); },
          [this](const Error& error) { count(error); }) {
  for (const KeptNode& node : nodes_) last_wanted_[node.name] = Clock::now();
}

CheckpointKeeper::~CheckpointKeeper() = default;

bool CheckpointKeeper::wants(const std::string& node, const StatePosition& at) {
  if (!takes_in_epoch_) return false;
  if (policy_.every_batches > 0 && at.batch % policy_.every_batches == 0) return true;
  if (policy_.every.count() <= 0) return false;
  const std::lock_guard lock(mutex_);
  Clock::time_point& last = last_wanted_.at(node);
  const Clock::time_point now = Clock::now();
  if (now - last < policy_.every) return false;
  last = now;
  return true;
}

void CheckpointKeeper::take(NodeState state) {
  const std::lock_guard lock(mutex_);
  pending_.take(std::move(state));
  submit(pending_.next());
}

void CheckpointKeeper::failed(const std::string& node, const StatePosition& at, const std::string& why) {
  count(Error(ErrorKind::run, "checkpoint-failed",
              fmt::format("the state of node `{}` in epoch {} could not be taken: {}", node, at.epoch, why)));
}

void CheckpointKeeper::epoch_told(const Metrics& metrics) {
  const std::lock_guard lock(mutex_);
  if (const auto value = metrics.find(policy_.best_metric)) values_[metrics.epoch] = *value;
  pending_.told(metrics.epoch);
  submit(pending_.next());
}

void CheckpointKeeper::finish() {
  {
    const std::lock_guard lock(mutex_);
    submit(pending_.last());
  }
  wait();
}

// Under the lock: states come in order, and so do checkpoints.
void CheckpointKeeper::submit(std::optional<RunStates> state) {
  if (state) writer_.submit(checkpoint_of(std::move(*state), nodes_));
}

void CheckpointKeeper::keep(const WrittenCheckpoint& written) {
  if (hooks_.written) hooks_.written(written);
  const std::lock_guard lock(mutex_);
  std::erase_if(files_, [&](const WrittenCheckpoint& file) { return file.name == written.name; });
  files_.push_back(written);
  remove_others();
}

bool CheckpointKeeper::is_better(double value, double than) const {
  return policy_.is_best_largest ? value > than : value < than;
}

// Of equal values the first stays. Only files that this process has written itself are removed, by their names.
void CheckpointKeeper::remove_others() {
  std::set<std::string> stay;
  const std::size_t last = std::min(std::max<std::size_t>(policy_.keep_last, 1), files_.size());
  for (std::size_t i = files_.size() - last; i < files_.size(); ++i) stay.insert(files_[i].name);
  const WrittenCheckpoint* best = nullptr;
  for (const WrittenCheckpoint& file : files_) {
    const auto value = values_.find(file.position.epoch);
    if (!file.position.is_epoch_complete || value == values_.end()) continue;
    if (best == nullptr || is_better(value->second, values_.at(best->position.epoch))) best = &file;
  }
  if (best != nullptr) stay.insert(best->name);
  if (stay.size() == files_.size()) return;
  if (hooks_.before_removal) hooks_.before_removal();
  for (const WrittenCheckpoint& file : files_)
    if (!stay.contains(file.name)) file_calls().unlink((folder_ + "/" + file.name).c_str());
  std::erase_if(files_, [&](const WrittenCheckpoint& file) { return !stay.contains(file.name); });
}

void CheckpointKeeper::count(const Error& error) {
  const std::lock_guard lock(mutex_);
  ++failures_;
  if (!first_failure_) first_failure_ = error;
}

std::optional<Error> CheckpointKeeper::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

std::uint64_t CheckpointKeeper::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

std::optional<WrittenCheckpoint> CheckpointKeeper::newest() const {
  const std::lock_guard lock(mutex_);
  return files_.empty() ? std::nullopt : std::optional(files_.back());
}

}  // namespace millrace::pipelines
