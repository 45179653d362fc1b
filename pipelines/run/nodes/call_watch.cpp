// One thread looks at all nodes at every tenth of the shortest limit, and counts the looks at which a call was still the same.
#include "call_watch.hpp"

#include <algorithm>
#include <utility>

namespace millrace::pipelines {

using std::chrono::milliseconds;

CallWatch::CallWatch(std::vector<WatchedNode> nodes, std::function<bool()> aside, std::function<void(std::size_t)> hung)
    : nodes_(std::move(nodes)), seen_(nodes_.size()), aside_(std::move(aside)), hung_(std::move(hung)) {
  for (const WatchedNode& node : nodes_)
    if (node.limit > milliseconds(0) && (slice_ == milliseconds(0) || node.limit < slice_)) slice_ = node.limit;
  if (slice_ == milliseconds(0)) return;
  slice_ = std::clamp(slice_ / 10, milliseconds(1), milliseconds(1000));
  thread_ = std::thread([this] { work(); });
}

CallWatch::~CallWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

// Time is counted in slices: a process that was stopped and goes on finds one slice gone, not an hour.
void CallWatch::work() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, slice_, [this] { return over_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void CallWatch::look() {
  const bool aside = aside_();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].limit == milliseconds(0)) continue;
    const CallLook now = nodes_[i].look();
    Seen& seen = seen_[i];
    const bool same = now.in_call && now.changes == seen.changes && !aside;
    seen.age = same ? seen.age + slice_ : milliseconds(0);
    seen.changes = now.changes;
    if (seen.age >= nodes_[i].limit && !std::exchange(seen.told, true)) hung_(i);
  }
}

}  // namespace millrace::pipelines
