#include "stop_signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <utility>

namespace millrace::pipelines {
namespace {

sigset_t stop_set() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&set, number);
  return set;
}

}  // namespace

void block_stop_signals() {
  const sigset_t set = stop_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

StopSignals::StopSignals(std::function<void(int)> on_first) : on_first_(std::move(on_first)) {
  block_stop_signals();
  thread_ = std::thread([this] { wait(); });
}

StopSignals::~StopSignals() {
  over_ = true;
  pthread_kill(thread_.native_handle(), SIGUSR1);  // wakes the thread, which then sees over_
  thread_.join();
}

void StopSignals::wait() {
  const sigset_t set = stop_set();
  for (int number = 0; sigwait(&set, &number) == 0 && !over_;) {
    // No destructors and no flushing: whoever asks twice does not want to wait for a stage that hangs.
    if (first_ != 0) _exit(128 + number);
    first_ = number;
    if (on_first_) on_first_(number);
  }
}

}  // namespace millrace::pipelines
