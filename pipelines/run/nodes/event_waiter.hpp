// Waits for the device, so that no thread of the graph has to: keeps what a device still reads until its event is done.
#pragma once

#include <millrace/device.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace millrace::pipelines {

struct WaiterHooks {
  /// A wait begins or ends; as often the one as the other. The graph must not come to rest in between.
  std::function<void()> reserve, release;
  /// Nothing has come for `timeout`: the device is given up. After it no work of the device touches what is kept.
  std::function<void()> give_up;
};

/// Its thread starts with the first event, so a run on the CPU has none. Safe from any thread.
class EventWaiter {
 public:
  /// Told what came instead of an event: the device's error, or Error("device-hung", stalled). Called on the waiter's thread
  /// before what was kept is let go. Once the device is given up, nobody else is told.
  using Fail = std::function<void(std::exception_ptr)>;

  /// `timeout`: how long none of the awaited events may become done. Time during which the process stood still does not count.
  EventWaiter(std::chrono::milliseconds timeout, WaiterHooks hooks);
  /// Returns when nothing is kept any more.
  ~EventWaiter();
  EventWaiter(const EventWaiter&) = delete;
  EventWaiter& operator=(const EventWaiter&) = delete;

  /// Keeps `kept` until `event` is done. Events of one stream come in their order.
  void keep(const Event& event, std::shared_ptr<const void> kept, Fail fail);
  /// Calls `then` on the waiter's thread when `event` is done or has come to nothing, after `fail` if so. It must not block.
  void call(const Event& event, std::function<void()> then, Fail fail);

 private:
  struct Entry {
    Event event;
    std::shared_ptr<const void> kept;
    Fail fail;
    std::function<void()> then;
  };
  void add(Entry entry);
  void work();
  std::deque<Entry> take();
  void settle(Entry& entry);
  bool await(const Event& event) const;
  void give_up(const Entry& entry);

  std::chrono::milliseconds timeout_;
  WaiterHooks hooks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Entry> entries_;
  bool closing_ = false;
  bool given_up_ = false;  ///< owned by the waiter's thread
  std::thread thread_;
};

}  // namespace millrace::pipelines
