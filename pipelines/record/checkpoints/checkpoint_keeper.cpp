// States are copied by whoever trains, put together under one lock, and written by another thread.
#include "checkpoint_keeper.hpp"

#include "process/command_error.hpp"

#include <millrace/detail/file_calls.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

CheckpointKeeper::CheckpointKeeper(const ValidatedGraph& graph, const std::string& folder, CheckpointPolicy policy,
                                   KeeperHooks hooks, const KeptBefore& before)
    : nodes_(kept_nodes(graph)),
      folder_(folder),
      policy_(std::move(policy)),
      hooks_(std::move(hooks)),
      takes_in_epoch_(graph.ranks.size == 1),
      pending_(pending_nodes(nodes_), graph.first_epoch, before.loaded),
      retention_(policy_.stay),
      writer_(
          folder, checkpoint_models(nodes_), [this](const WrittenCheckpoint& written) { keep(written); },
          [this](const Error& error) { count(error); }) {
  for (const KeptNode& node : nodes_) last_wanted_[node.name] = Clock::now();
  for (const Metrics& epoch : before.epochs) retention_.told(epoch);
  for (const StoredCheckpoint& file : before.files) retention_.add(file);
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
  if (hooks_.taken) hooks_.taken(state.node, state.position);
  const std::lock_guard lock(mutex_);
  pending_.take(std::move(state));
  submit_next();
}

void CheckpointKeeper::failed(const std::string& node, const StatePosition& at, const std::string& why) {
  count(Error(ErrorKind::run, "checkpoint-failed",
              fmt::format("the state of node `{}` in epoch {} could not be taken: {}", node, at.epoch, why)));
}

void CheckpointKeeper::epoch_told(const Metrics& metrics) {
  const std::lock_guard lock(mutex_);
  retention_.told(metrics);
  pending_.told(metrics.epoch);
  submit_next();
}

void CheckpointKeeper::finish() {
  {
    const std::lock_guard lock(mutex_);
    submit(pending_.last());
  }
  wait();
}

// Whoever trains may be in the next epoch by the time that one turns out to be the best: what is further may not be taken in its place.
void CheckpointKeeper::submit_next() {
  if (retention_.is_best({pending_.last_told(), 0, 0, true})) submit(pending_.end());
  submit(pending_.next());
}

// Under the lock: states come in order, and so do checkpoints.
void CheckpointKeeper::submit(std::optional<RunStates> state) {
  if (!state) return;
  Checkpoint checkpoint = checkpoint_of(std::move(*state), nodes_);
  checkpoint.metadata.insert(policy_.metadata.begin(), policy_.metadata.end());
  const bool is_best = retention_.is_best(checkpoint.position);
  writer_.submit(std::move(checkpoint), is_best);
}

void CheckpointKeeper::keep(const WrittenCheckpoint& written) {
  if (hooks_.written && !hooks_.written(written)) return;
  const std::lock_guard lock(mutex_);
  retention_.add({written.position, folder_ + "/" + written.name});
  remove_superfluous();
}

// Only files that the journal of this run names are removed, by their names.
void CheckpointKeeper::remove_superfluous() {
  const std::vector<StoredCheckpoint> superfluous = retention_.take_superfluous();
  if (superfluous.empty()) return;
  if (hooks_.before_removal) hooks_.before_removal();
  for (const StoredCheckpoint& file : superfluous) file_calls().unlink(file.path.c_str());
}

void CheckpointKeeper::count(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    ++failures_;
    if (!first_failure_) first_failure_ = error;
  }
  if (hooks_.failed) hooks_.failed(error);
}

std::optional<Error> CheckpointKeeper::first_failure() const {
  const std::lock_guard lock(mutex_);
  return first_failure_;
}

std::uint64_t CheckpointKeeper::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace millrace::pipelines
