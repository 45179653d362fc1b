// The signals that ask a run to stop (detail/stop_signals.hpp), as a number that it looks at, but for those that were ignored when the
// process started.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <thread>

namespace millrace::pipelines {

/// Blocks them in this thread and all that it starts. Call it before any thread exists.
void block_stop_signals();

/// While it lives, the first signal is kept in `first()`; the second ends the process at once with 128 + its number.
/// The kernel sends SIGXCPU every second: only the first counts. Make it
/// before any other thread. Afterward a signal does in this thread what it did before: what still runs can be ended.
class StopSignals {
 public:
  /// `on_first` hears the number of the first signal, on a thread of its own; it must not wait for anything.
  explicit StopSignals(std::function<void(int)> on_first = {});
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  const std::atomic<int>& first() const { return first_; }

 private:
  void wait();
  std::function<void(int)> on_first_;
  std::atomic<int> first_{0};
  std::atomic<bool> over_{false};
  sigset_t before_{};
  std::thread thread_;
};

}  // namespace millrace::pipelines
