// The last line of a process that dies of a signal. What runs in the handler calls async-signal-safe functions only.
#include "crash_line.hpp"

#include <millrace/registry.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <mutex>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
// These sanitizers print where and why, which is more than a line.
constexpr bool kReportsItself = std::string_view(MILLRACE_DETAIL_SANITIZER) != "none";

constinit thread_local const StageMark* current = nullptr;
constinit thread_local bool has_signal_stack = false;

std::atomic_flag told;  // of several threads that crash at once the first one tells

// Guards the two that follow. The handler reads the second, which is complete before the handler is installed.
std::mutex installing;
int installed = 0;
std::array<struct sigaction, kSignals.size()> before;

std::size_t index_of(int number) {
  return static_cast<std::size_t>(std::find(kSignals.begin(), kSignals.end(), number) - kSignals.begin());
}

}  // namespace

/// A text of bounded length without any allocation.
class CrashText {
 public:
  CrashText(int number, const StageMark* mark) {
    add("\nerror[stage-crashed]: SIG");
    add(sigabbrev_np(number));
    add(" (");
    add(sigdescr_np(number));
    add(")");
    if (mark == nullptr)
      add(" on a thread that was in no stage's call");
    else
      add_place(*mark);
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
  void add_place(const StageMark& mark) {
    add(" in ");
    add(mark.place_.text.c_str());
    if (mark.phase_ == nullptr) {
      add(", epoch ");
      add(mark.epoch_);
      add(", packet ");
      add(mark.packet_);
    } else {
      add(" ");
      add(mark.phase_);
    }
    if (!mark.place_.advice.empty()) add("; ");
    add(mark.place_.advice.c_str());
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

namespace {

// A fault happens again when this returns, and then meets what was there before with all its circumstances; what somebody
// sent has to be sent again.
void on_signal(int number, siginfo_t* info, void*) {
  const int error = errno;
  if (!told.test_and_set()) {
    CrashText(number, current).write_out();
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

/// Mapped, so that its pages cost nothing until a signal comes.
class SignalStack {
 public:
  SignalStack() {
    void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    stack_.ss_sp = memory;
    stack_.ss_size = kBytes;
    sigaltstack(&stack_, nullptr);
  }
  ~SignalStack() {
    if (stack_.ss_sp == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    sigaltstack(&none, nullptr);
    munmap(stack_.ss_sp, kBytes);
  }
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  static constexpr std::size_t kBytes = 64U << 10U;
  stack_t stack_{};
};

// Unless somebody else has given it one. A plain flag is asked first, because this is on the way of every packet.
void use_signal_stack() {
  has_signal_stack = true;
  stack_t now{};
  if (kReportsItself || sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
  static thread_local const SignalStack kStack;
}

void enter(const StageMark& mark) {
  if (!has_signal_stack) use_signal_stack();
  std::atomic_signal_fence(std::memory_order_release);  // complete before the handler may see it
  current = &mark;
}

}  // namespace

StageMark::StageMark(const StagePlace& place, std::uint32_t epoch, std::uint64_t packet) noexcept
    : place_(place), epoch_(epoch), packet_(packet), before_(current) {
  enter(*this);
}

StageMark::StageMark(const StagePlace& place, const char* phase) noexcept
    : place_(place), phase_(phase), before_(current) {
  enter(*this);
}

StageMark::~StageMark() { current = before_; }

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
