// Notices that a stage, or a library under it, ends the process by exit(), which would otherwise read as the verb's own end.
#pragma once

#include "stage_mark.hpp"

#include <functional>

namespace millrace::pipelines {

/// While it lives, exit() and quick_exit() on any thread, and _exit() and pthread_exit() inside a stage's call, do not end this process as they would:
/// `tell` hears who called and with which code, on that thread, and the process ends with code 1. A call that is in no stage's
/// call and gives a code other than 0 takes its course. One at a time; a child that was forked is left alone.
class ExitWatch {
 public:
  /// What `tell` hears instead of a code when a stage's call ends its thread alone, by pthread_exit().
  static constexpr int kEndsThread = -1'000'000;
  /// `call.place` is null on a thread that was in no stage's call.
  using Tell = std::function<void(const StageCall& call, int code)>;
  explicit ExitWatch(Tell tell);
  ~ExitWatch();
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;

  /// What a plugin registers for the end comes before what was registered earlier: call it after a plugin was loaded.
  static void renew();
};

/// Ends the process at once, on purpose.
[[noreturn]] void exit_now(int code);

}  // namespace millrace::pipelines
