// The last line of a process that dies of a signal: in which stage, at which packet.
#pragma once

namespace millrace::pipelines {

/// While one of them lives, SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write a line that says in which stage's call the thread
/// was, or which stages were at work where it was in none, and then take their course: to the
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
