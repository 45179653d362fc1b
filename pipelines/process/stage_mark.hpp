// In which stage's call each thread is: what is said when the process dies there, or is ended.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace millrace::pipelines {

/// What is said of a node. Written before the call, because a signal's handler may not make texts.
struct StagePlace {
  std::string text;    ///< "node `flat` (stage flatten, a.yaml:3:2)"
  std::string advice;  ///< what to do; may be empty
  std::string file;    ///< the config's file; may be empty
  int line = 0, column = 0;
};

/// Where a thread is. `place` is null outside of all calls.
struct StageCall {
  const StagePlace* place = nullptr;
  const char* phase = nullptr;  ///< a literal, outside of the flow: "while it opens"
  std::uint32_t epoch = 0;
  std::uint64_t packet = 0;
};

/// While it lives, this thread is in a stage's call. Nests, because a thread that waits inside a stage may take up another
/// node's work. `place` outlives it. Costs a few loads and stores; the first one of a thread also gives the thread a stack for
/// signals, until it ends, so that a stack overflow can be told as well.
class StageMark {
 public:
  StageMark(const StagePlace& place, std::uint32_t epoch, std::uint64_t packet) noexcept;
  /// Outside of the flow; `phase` is a literal.
  StageMark(const StagePlace& place, const char* phase) noexcept;
  ~StageMark();
  StageMark(const StageMark&) = delete;
  StageMark& operator=(const StageMark&) = delete;

 private:
  StageCall before_;
};

/// Of this thread. Async-signal-safe.
StageCall current_call() noexcept;

/// Of the other threads; at most `most` are written to `to`. Returns how many. Async-signal-safe; a call that begins or ends
/// meanwhile may be mixed with the one before.
std::size_t other_calls(StageCall* to, std::size_t most) noexcept;

}  // namespace millrace::pipelines
