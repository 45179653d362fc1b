// A slot of atomics for each thread, published by a release store and read without a lock by other threads and signal handlers; and for
// each thread an alternate signal stack.
#include "stage_mark.hpp"

#include <millrace/registry.hpp>

#include <sys/mman.h>

#include <array>
#include <csignal>
#include <string_view>

namespace millrace::pipelines {
namespace {

// These sanitizers give threads a signal stack of their own.
constexpr bool kReportsItself = std::string_view(MILLRACE_DETAIL_SANITIZER) != "none";
constexpr std::size_t kMostThreads = 256;  // more are not seen by others

/// A thread's call, where a handler on another thread can read it.
struct alignas(64) Slot {
  std::atomic<const StagePlace*> place{nullptr};
  std::atomic<const char*> phase{nullptr};
  std::atomic<std::uint32_t> epoch{0};
  std::atomic<std::uint64_t> packet{0};
  std::atomic<bool> taken{false};

  StageCall read() const noexcept {
    StageCall call;
    call.place = place.load(std::memory_order_acquire);
    call.phase = phase.load(std::memory_order_relaxed);
    call.epoch = epoch.load(std::memory_order_relaxed);
    call.packet = packet.load(std::memory_order_relaxed);
    return call;
  }
  // The place last: with it the call is visible.
  void write(const StageCall& call) noexcept {
    phase.store(call.phase, std::memory_order_relaxed);
    epoch.store(call.epoch, std::memory_order_relaxed);
    packet.store(call.packet, std::memory_order_relaxed);
    place.store(call.place, std::memory_order_release);
  }
};

constinit std::array<Slot, kMostThreads> slots;
constinit thread_local Slot unseen;  // of a thread that has no other, or is ending
constinit thread_local Slot* mine = nullptr;

/// Mapped, so that its pages cost nothing until a signal comes.
class SignalStack {
 public:
  SignalStack() {
    stack_t now{};
    // Unless somebody else has given it one.
    if (kReportsItself || sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0) return;
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

/// What a thread has from its first mark to its end.
class ThreadMarks {
 public:
  ThreadMarks() {
    mine = &unseen;
    for (Slot& slot : slots) {
      if (slot.taken.exchange(true)) continue;
      mine = &slot;
      return;
    }
  }
  ~ThreadMarks() {
    if (mine == &unseen) return;
    // Within exit(), which destroys this too, the thread is still in its call.
    unseen.write(mine->read());
    mine->write({});
    mine->taken = false;
    mine = &unseen;
  }
  ThreadMarks(const ThreadMarks&) = delete;
  ThreadMarks& operator=(const ThreadMarks&) = delete;

 private:
  SignalStack stack_;
};

// A plain pointer is asked first, because this is on the way of every packet.
Slot& own_slot() {
  if (mine == nullptr) static thread_local const ThreadMarks kMarks;
  return *mine;
}

}  // namespace

StageMark::StageMark(const StagePlace& place, std::uint32_t epoch, std::uint64_t packet) noexcept
    : before_(own_slot().read()) {
  mine->write({&place, nullptr, epoch, packet});
}

StageMark::StageMark(const StagePlace& place, const char* phase) noexcept : before_(own_slot().read()) {
  mine->write({&place, phase, 0, 0});
}

StageMark::~StageMark() { mine->write(before_); }

StageCall current_call() noexcept { return mine == nullptr ? StageCall() : mine->read(); }

std::size_t other_calls(StageCall* to, std::size_t most) noexcept {
  std::size_t count = 0;
  for (const Slot& slot : slots) {
    if (&slot == mine || count == most) continue;
    const StageCall call = slot.read();
    if (call.place != nullptr) to[count++] = call;
  }
  return count;
}

}  // namespace millrace::pipelines
