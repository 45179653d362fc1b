// Ends the process when a stage's call outside of a run does not return: its constructor, its infer, its destructor.
#pragma once

#include "stage_mark.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace millrace::pipelines {

/// A call that has not returned.
struct LongCall {
  StageCall call;
  std::chrono::milliseconds age{0};
  int signal = 0;  ///< that asked the program to stop; 0: the call has reached its limit
};

/// While it lives, calls under a CallLimit may last as long as that says; then `tell`, on a thread of this object, hears of one
/// and ends the process. One at a time. Its thread is started by the first call and blocks the signals that its starter blocks.
class CallLimits {
 public:
  using Tell = std::function<void(const LongCall&)>;
  explicit CallLimits(Tell tell);
  ~CallLimits();
  CallLimits(const CallLimits&) = delete;
  CallLimits& operator=(const CallLimits&) = delete;

  /// The program is to stop: a call that goes on gets a second from now. Any thread.
  static void stop_by(int signal);

 private:
  friend class CallLimit;
  struct Entry {
    StageCall call;
    std::chrono::milliseconds limit{0}, age{0};
  };
  using Entries = std::list<Entry>;
  Entries::iterator begin(const StageCall& call, std::chrono::milliseconds limit);
  void end(Entries::iterator entry);
  void start();
  void work();
  bool has_one_beyond(LongCall& found) const;

  Tell tell_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Entries entries_;
  int signal_ = 0;
  bool over_ = false;
  std::thread thread_;
};

/// While it lives, what this thread does in a stage's call (StageMark) may last `limit`; 0: as long as it likes. Does nothing where
/// no CallLimits lives, as in tests of the library.
class CallLimit {
 public:
  explicit CallLimit(std::chrono::milliseconds limit);
  ~CallLimit();
  CallLimit(const CallLimit&) = delete;
  CallLimit& operator=(const CallLimit&) = delete;

 private:
  CallLimits* limits_;
  CallLimits::Entries::iterator entry_;
};

}  // namespace millrace::pipelines
