// All threads block the signals, and one takes them with sigwait(); a second signal ends the process at once, without destructors.
#include "stop_signals.hpp"

#include <millrace/detail/stop_signals.hpp>

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr int kWakes = SIGUSR1;  // also where it is no request to stop

bool is_ignored(int number) {
  struct sigaction now {};
  return sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

// Signals that the parent process has set to be ignored stay so: nohup, or `&` in a script. Taking it with sigwait would
// bring it back.
sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kStopSignals)
    if (!is_ignored(number)) sigaddset(&set, number);
  return set;
}

sigset_t with_waking(sigset_t set) {
  sigaddset(&set, kWakes);
  return set;
}

}  // namespace

void block_stop_signals() {
  const sigset_t set = with_waking(stop_set());
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

StopSignals::StopSignals(std::function<void(int)> on_first) : on_first_(std::move(on_first)) {
  pthread_sigmask(SIG_BLOCK, nullptr, &before_);
  block_stop_signals();
  thread_ = std::thread([this] { wait(); });
}

StopSignals::~StopSignals() {
  over_ = true;
  pthread_kill(thread_.native_handle(), kWakes);
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void StopSignals::wait() {
  const sigset_t heeded = stop_set(), set = with_waking(heeded);
  for (int number = 0; sigwait(&set, &number) == 0 && !over_;) {
    if (sigismember(&heeded, number) == 0) continue;
    if (first_ != 0 && number == SIGXCPU) continue;
    // No destructors and no flushing: a user who asks twice does not want to wait for a stage that hangs.
    if (first_ != 0) _exit(128 + number);
    first_ = number;
    if (on_first_) on_first_(number);
  }
}

}  // namespace millrace::pipelines
