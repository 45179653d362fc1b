// SIGINT, SIGTERM and SIGUSR1 as a number that a run looks at.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

namespace millrace::pipelines {

/// Blocks SIGINT, SIGTERM and SIGUSR1 in this thread and all that it starts. Call it before any thread exists.
void block_stop_signals();

/// While it lives, the first signal is kept in `first()`; the second ends the process at once with 128 + its number. Make it
/// before any other thread.
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
  std::thread thread_;
};

}  // namespace millrace::pipelines
