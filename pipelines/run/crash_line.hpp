// The last line of a process that dies of a signal: in which stage, at which packet.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>

namespace millrace::pipelines {

/// What the line says of a node. Written before the run, because a signal's handler may not make texts.
struct StagePlace {
  std::string text;    ///< "node `flat` (stage flatten, a.yaml:3:2)"
  std::string advice;  ///< what to do; may be empty
};

/// While it lives, this thread is in a stage's call. Nests, because a thread that waits inside a stage may take up another
/// node's work. `place` outlives it. Costs a few stores; the first one of a thread also gives the thread a stack for signals,
/// until it ends, so that a stack overflow can be told as well.
class StageMark {
 public:
  StageMark(const StagePlace& place, std::uint32_t epoch, std::uint64_t packet) noexcept;
  /// Outside of the flow; `phase` is a literal: "while it opens".
  StageMark(const StagePlace& place, const char* phase) noexcept;
  ~StageMark();
  StageMark(const StageMark&) = delete;
  StageMark& operator=(const StageMark&) = delete;

 private:
  friend class CrashText;
  const StagePlace& place_;
  const char* phase_ = nullptr;
  std::uint32_t epoch_ = 0;
  std::uint64_t packet_ = 0;
  const StageMark* before_;
};

/// While one of them lives, SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write that line and then take their course: to the
/// handler that was there before, or to the process's end with its usual status and core file. Does nothing in a build with a
/// sanitizer that reports those signals itself. Any thread; several may live at once.
class CrashLines {
 public:
  CrashLines();
  ~CrashLines();
  CrashLines(const CrashLines&) = delete;
  CrashLines& operator=(const CrashLines&) = delete;
};

}  // namespace millrace::pipelines
