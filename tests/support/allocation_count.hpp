// Counts what this program allocates with `new`. Include it in one source of a program only: it replaces the operators.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace millrace::testing {

struct Allocations {
  std::size_t count = 0, bytes = 0;
  bool operator==(const Allocations&) const = default;
};

inline std::atomic<std::size_t> allocation_count, allocation_bytes;

/// What a call allocates, on whatever thread.
template <class Call>
Allocations allocations_of(Call call) {
  const std::size_t count = allocation_count, bytes = allocation_bytes;
  call();
  return {allocation_count - count, allocation_bytes - bytes};
}

inline void* counted_allocation(std::size_t bytes) {
  ++allocation_count;
  allocation_bytes += bytes;
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace millrace::testing

// Not inlined: g++ 12 would see memory of operator new given to free, and report that.
[[gnu::noinline]] void* operator new(std::size_t bytes) { return millrace::testing::counted_allocation(bytes); }
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return millrace::testing::counted_allocation(bytes); }
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
