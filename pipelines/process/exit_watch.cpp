// Handlers of on_exit and at_quick_exit, and interposed exit(), _exit() and pthread_exit(), which ask whether the thread is in a stage's call.
#include "exit_watch.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <utility>

namespace millrace::pipelines {
namespace {

ExitWatch::Tell told_to;
std::atomic<pid_t> watched{0};  // the process; 0 when none is
std::atomic_flag tells;

void heed(int code) {
  const StageCall call = current_call();
  if (watched != getpid() || (call.place == nullptr && code != 0)) return;
  // Of several threads that do it at once one tells, and ends the process for all.
  while (tells.test_and_set()) pause();
  told_to(call, code);
  exit_now(1);
}

void on_end(int code, void*) { heed(code); }
void on_quick_end() { heed(0); }

}  // namespace

ExitWatch::ExitWatch(Tell tell) {
  told_to = std::move(tell);
  watched = getpid();
  std::at_quick_exit(on_quick_end);
  renew();
}

ExitWatch::~ExitWatch() {
  watched = 0;
  told_to = nullptr;
}

void ExitWatch::renew() {
  if (watched == getpid()) on_exit(on_end, nullptr);
}

void exit_now(int code) {
  syscall(SYS_exit_group, code);
  __builtin_unreachable();
}

}  // namespace millrace::pipelines

// In place of the C library's, for everything in the process that calls it by name: it would leave no trace at all. What the
// library itself ends with, at the end of exit() for example, does not come here.
extern "C" void _exit(int code) {
  if (millrace::pipelines::current_call().place != nullptr) millrace::pipelines::heed(code);
  millrace::pipelines::exit_now(code);
}

extern "C" void _Exit(int code) noexcept { _exit(code); }

// The library's own runs what was registered to run at the end while other threads are still at work, and two of them at once
// tread on each other: a stage's call is told before any of that begins.
extern "C" void exit(int code) noexcept {
  if (millrace::pipelines::current_call().place != nullptr) millrace::pipelines::heed(code);
  using Exit = void (*)(int);
  static const auto library = reinterpret_cast<Exit>(dlsym(RTLD_NEXT, "exit"));
  library(code);
  __builtin_unreachable();
}

// A thread of the engine that ends in a stage's call leaves its locks and its mark behind, and the run waits for it for ever. Threads
// of a stage's own are in no call.
extern "C" [[gnu::visibility("default")]] void pthread_exit(void* value) {
  if (millrace::pipelines::current_call().place != nullptr)
    millrace::pipelines::heed(millrace::pipelines::ExitWatch::kEndsThread);
  using Exit = void (*)(void*);
  static const auto library = reinterpret_cast<Exit>(dlsym(RTLD_NEXT, "pthread_exit"));
  library(value);
  __builtin_unreachable();
}
