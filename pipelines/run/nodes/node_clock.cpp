// Charges the time since the last change to the state that ends with it.
#include "node_clock.hpp"

namespace millrace::pipelines {
namespace {

using Clock = std::chrono::steady_clock;
double seconds(std::chrono::nanoseconds t) { return std::chrono::duration<double>(t).count(); }

}  // namespace

// The clock is read under the lock: otherwise a later reader could be charged first, and a span would be negative.
void NodeClock::charge(Time now) {
  if (open_ && running_ == 0) (queued_ > 0 ? waiting_ : idle_) += now - since_;
  since_ = now;
}

void NodeClock::open() {
  const std::lock_guard lock(mutex_);
  charge(Clock::now());
  open_ = true;
}

void NodeClock::ready() {
  const std::lock_guard lock(mutex_);
  charge(Clock::now());
  ++queued_;
}

NodeClock::Time NodeClock::begin(std::size_t pieces) {
  const std::lock_guard lock(mutex_);
  const Time now = Clock::now();
  charge(now);
  queued_ -= static_cast<std::int64_t>(pieces);
  ++running_;
  ++changes_;
  return now;
}

void NodeClock::finish(Time began) {
  const std::lock_guard lock(mutex_);
  const Time now = Clock::now();
  charge(now);
  --running_;
  ++changes_;
  busy_ += now - began;
}

void NodeClock::close() {
  const std::lock_guard lock(mutex_);
  charge(Clock::now());
  open_ = false;
}

NodeClock::Sums NodeClock::sums() const {
  const std::lock_guard lock(mutex_);
  return {seconds(busy_), seconds(idle_), seconds(waiting_)};
}

CallLook NodeClock::look() const {
  const std::lock_guard lock(mutex_);
  return {running_ > 0, changes_};
}

}  // namespace millrace::pipelines
