// The last line of a process that dies of a signal. What runs in the handler calls async-signal-safe functions only.
#include "crash_line.hpp"

#include "stage_mark.hpp"

#include <millrace/registry.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
// These sanitizers print where and why, which is more than a line.
constexpr std::size_t kMostOthers = 4;  // at work on other threads, and told
constexpr bool kReportsItself = std::string_view(MILLRACE_DETAIL_SANITIZER) != "none";

std::atomic_flag told;  // of several threads that crash at once the first one tells

// Guards the two that follow. The handler reads the second, which is complete before the handler is installed.
std::mutex installing;
int installed = 0;
std::array<struct sigaction, kSignals.size()> before;

std::size_t index_of(int number) {
  return static_cast<std::size_t>(std::find(kSignals.begin(), kSignals.end(), number) - kSignals.begin());
}

/// A text of bounded length without any allocation.
class CrashText {
 public:
  explicit CrashText(int number) {
    add("\nerror[stage-crashed]: SIG");
    add(sigabbrev_np(number));
    add(" (");
    add(sigdescr_np(number));
    add(")");
    const StageCall call = current_call();
    if (call.place == nullptr)
      add_others();
    else
      add_call(" in ", call);
    add("\n");
  }
  void write_out() const {
    const char* at = text_.data();
    for (std::size_t left = size_; left > 0;) {
      const ssize_t written = write(STDERR_FILENO, at, left);
      if (written <= 0) return;
      at += written;
      left -= static_cast<std::size_t>(written);
    }
  }

 private:
  void add_call(const char* joint, const StageCall& call) {
    add(joint);
    add(call.place->text.c_str());
    if (call.phase == nullptr) {
      add(", epoch ");
      add(call.epoch);
      add(", packet ");
      add(call.packet);
    } else {
      add(" ");
      add(call.phase);
    }
    if (!call.place->advice.empty()) add("; ");
    add(call.place->advice.c_str());
  }
  // A thread that helps with a loop inside a stage, or one that a plugin has started.
  void add_others() {
    add(" on a thread that was in no stage's call");
    std::array<StageCall, kMostOthers> calls;
    const std::size_t count = other_calls(calls.data(), calls.size());
    for (std::size_t i = 0; i < count; ++i) add_call(i == 0 ? "; at work for " : "; and ", calls[i]);
  }
  void add(const char* text) {
    for (; text != nullptr && *text != '\0' && size_ + 1 < text_.size(); ++text) text_[size_++] = *text;
  }
  void add(std::uint64_t number) {
    std::array<char, 21> digits{};
    std::size_t at = digits.size() - 1;
    do digits[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    add(digits.data() + at);
  }

  std::array<char, 2048> text_{};
  std::size_t size_ = 0;
};

// A fault happens again when this returns, and then meets what was there before with all its circumstances; what somebody
// sent has to be sent again.
void on_signal(int number, siginfo_t* info, void*) {
  const int error = errno;
  if (!told.test_and_set()) {
    CrashText(number).write_out();
  } else {
    const timespec until_it_has{1, 0};
    nanosleep(&until_it_has, nullptr);
  }
  sigaction(number, &before[index_of(number)], nullptr);
  if (info->si_code <= 0) raise(number);
  errno = error;
}

void install() {
  told.clear();
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], nullptr, &before[i]);
    sigaction(kSignals[i], &action, nullptr);
  }
}

// Not over a handler that came later.
void uninstall() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    struct sigaction now {};
    sigaction(kSignals[i], nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal) sigaction(kSignals[i], &before[i], nullptr);
  }
}

}  // namespace

CrashLines::CrashLines() {
  if (kReportsItself) return;
  const std::lock_guard lock(installing);
  if (++installed == 1) install();
}

CrashLines::~CrashLines() {
  if (kReportsItself) return;
  const std::lock_guard lock(installing);
  if (--installed == 0) uninstall();
}

}  // namespace millrace::pipelines
