// SIGINT, SIGTERM and SIGUSR1 as a number that a run looks at.
#pragma once

#include <atomic>
#include <thread>

namespace millrace::pipelines {

/// Blocks SIGINT, SIGTERM and SIGUSR1 in this thread and all that it starts, and ignores SIGPIPE. Call it before any thread exists.
void block_stop_signals();

/// While it lives, the first signal is kept in `first()`; the second ends the process at once with 128 + its number.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  const std::atomic<int>& first() const { return first_; }

 private:
  void wait();
  std::atomic<int> first_{0};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace millrace::pipelines
