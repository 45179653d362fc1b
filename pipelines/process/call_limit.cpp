// A watchdog thread: time counts in slices of 50 ms for each call that is under way, so that a process that was suspended does not look hung.
#include "call_limit.hpp"

#include <atomic>
#include <system_error>
#include <utility>

namespace millrace::pipelines {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kSlice{50}, kAfterSignal{1000}, kNever{0};
constinit std::atomic<CallLimits*> alive{nullptr};

}  // namespace

CallLimits::CallLimits(Tell tell) : tell_(std::move(tell)) { alive = this; }

CallLimits::~CallLimits() {
  alive = nullptr;
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CallLimits::stop_by(int signal) {
  CallLimits* const limits = alive;
  if (limits == nullptr) return;
  const std::lock_guard lock(limits->mutex_);
  limits->signal_ = signal;
  for (Entry& entry : limits->entries_) entry.age = milliseconds(0);
}

CallLimits::Entries::iterator CallLimits::begin(const StageCall& call, milliseconds limit) {
  const std::lock_guard lock(mutex_);
  const auto entry = entries_.insert(entries_.end(), Entry{call, limit});
  start();
  if (entries_.size() == 1) changed_.notify_all();
  return entry;
}

// Where no thread can be had nothing is watched; code that needs a thread reports that itself.
void CallLimits::start() {
  if (thread_.joinable()) return;
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
  }
}

void CallLimits::end(Entries::iterator entry) {
  const std::lock_guard lock(mutex_);
  entries_.erase(entry);
}

// Time is counted in slices: a process that was stopped and goes on finds one slice gone, not an hour. Without a call it sleeps.
void CallLimits::work() {
  std::unique_lock lock(mutex_);
  while (!over_) {
    changed_.wait(lock, [this] { return over_ || !entries_.empty(); });
    if (changed_.wait_for(lock, kSlice, [this] { return over_; })) return;
    for (Entry& entry : entries_) entry.age += kSlice;
    LongCall found;
    if (!has_one_beyond(found)) continue;
    lock.unlock();
    tell_(found);
    lock.lock();
  }
}

bool CallLimits::has_one_beyond(LongCall& found) const {
  for (const Entry& entry : entries_) {
    const milliseconds limit = signal_ != 0 ? kAfterSignal : entry.limit;
    if (limit == kNever || entry.age < limit) continue;
    found = {entry.call, entry.age, signal_};
    return true;
  }
  return false;
}

CallLimit::CallLimit(milliseconds limit) : limits_(alive) {
  if (limits_ != nullptr) entry_ = limits_->begin(current_call(), limit);
}

CallLimit::~CallLimit() {
  if (limits_ != nullptr) limits_->end(entry_);
}

}  // namespace millrace::pipelines
