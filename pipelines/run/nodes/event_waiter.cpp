// One thread, started with the first entry, waits for the events one after the other, in slices of 10 ms.
#include "event_waiter.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace::pipelines {
namespace {

// Time is counted in slices: a process that was stopped and goes on finds one slice gone, not an hour.
constexpr std::chrono::milliseconds kSlice{10};

}  // namespace

EventWaiter::EventWaiter(std::chrono::milliseconds timeout, WaiterHooks hooks)
    : timeout_(timeout), hooks_(std::move(hooks)) {}

EventWaiter::~EventWaiter() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EventWaiter::keep(const Event& event, std::shared_ptr<const void> kept, Fail fail) {
  add({event, std::move(kept), std::move(fail), nullptr});
}

void EventWaiter::call(const Event& event, std::function<void()> then, Fail fail) {
  add({event, nullptr, std::move(fail), std::move(then)});
}

void EventWaiter::add(Entry entry) {
  {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    entries_.push_back(std::move(entry));
    hooks_.reserve();  // cannot throw, and before the thread sees the entry
  }
  changed_.notify_all();
}

std::deque<EventWaiter::Entry> EventWaiter::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return closing_ || !entries_.empty(); });
  return std::exchange(entries_, {});
}

void EventWaiter::work() {
  for (std::deque<Entry> taken = take(); !taken.empty(); taken = take())
    for (; !taken.empty(); taken.pop_front()) settle(taken.front());
}

// What was kept goes before the wait ends: its end may start a source, and the graph must still be awake for that.
void EventWaiter::settle(Entry& entry) {
  try {
    if (!given_up_ && !await(entry.event)) give_up(entry);
  } catch (...) {
    entry.fail(std::current_exception());
  }
  entry.kept.reset();
  if (entry.then) entry.then();
  hooks_.release();
}

bool EventWaiter::await(const Event& event) const {
  for (std::chrono::milliseconds waited{0}; waited < timeout_; waited += kSlice)
    if (event.wait_for(kSlice)) return true;
  return false;
}

void EventWaiter::give_up(const Entry& entry) {
  given_up_ = true;
  entry.fail(std::make_exception_ptr(Error(
      ErrorKind::stalled, "device-hung",
      fmt::format("the device has done nothing for {} s", static_cast<double>(timeout_.count()) / 1e3),
      "look for errors of the driver in the system's log; another process may hold the device. If it is only slow, "
      "raise MILLRACE_DEVICE_TIMEOUT (seconds)")));
  hooks_.give_up();
}

}  // namespace millrace::pipelines
