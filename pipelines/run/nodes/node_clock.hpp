// Where a node's time goes: in the stage's code, waiting for work, or having work and waiting.
#pragma once

#include "call_watch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace millrace::pipelines {

/// Safe from any thread. Costs a lock and a look at the steady clock a call.
class NodeClock {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Time before this does not count.
  void open();
  /// Work has been queued.
  void ready();
  /// Queued work begins, so many pieces of it in one call. Returns the time, for `finish`.
  Time begin(std::size_t pieces = 1);
  void finish(Time began);
  /// Time after this does not count.
  void close();

  struct Sums {
    double busy = 0;     ///< seconds in the stage's code, summed over threads
    double idle = 0;     ///< nothing queued and nothing running
    double waiting = 0;  ///< something queued and nothing running
  };
  Sums sums() const;
  /// A call is being made now.
  bool is_running() const { return look().in_call; }
  CallLook look() const;

 private:
  void charge(Time now);

  mutable std::mutex mutex_;
  Time since_;
  bool open_ = false;
  std::int64_t queued_ = 0, running_ = 0;
  std::uint64_t changes_ = 0;
  std::chrono::nanoseconds busy_{0}, idle_{0}, waiting_{0};
};

}  // namespace millrace::pipelines
