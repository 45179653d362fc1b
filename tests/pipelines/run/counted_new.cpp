// Counts every allocation of the program. A file of its own, so that no compiler sees through one of the two.
#include "counted_new.hpp"

#include <cstdlib>
#include <new>

void* operator new(std::size_t bytes) {
  if (++millrace::testing::allocations == millrace::testing::fails_at) throw std::bad_alloc();
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes == 0 ? 1 : bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
