// What the processor is told about floating-point numbers, on each thread: how it rounds, whether it flushes small numbers
// to zero, which exceptions trap. Bits depend on it, so nobody's code may leave it changed.
#pragma once

#include <millrace/detail/export.hpp>

#include <atomic>

namespace millrace {

/// Puts the calling thread's settings back to those a process starts with. Whether any was otherwise. Costs a few
/// nanoseconds.
MILLRACE_EXPORT bool restore_float_environment() noexcept;

/// Around code of others: at its beginning and at its end the settings are as a process starts with, whatever the thread has done
/// before and however the code was left. `was_changed`, when given, becomes true if the code had changed them; it outlives this.
class FloatGuard {
 public:
  explicit FloatGuard(std::atomic<bool>* was_changed = nullptr) noexcept : was_changed_(was_changed) {
    restore_float_environment();
  }
  ~FloatGuard() {
    if (restore_float_environment() && was_changed_ != nullptr) was_changed_->store(true, std::memory_order_relaxed);
  }
  FloatGuard(const FloatGuard&) = delete;
  FloatGuard& operator=(const FloatGuard&) = delete;

 private:
  std::atomic<bool>* was_changed_;
};

}  // namespace millrace
