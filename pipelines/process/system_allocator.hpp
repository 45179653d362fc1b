// The allocator behind that of the program: the C library's, or whichever was preloaded.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace millrace::pipelines {

/// The functions of the C library as their manuals describe them.
struct SystemAllocator {
  void* (*allocate)(std::size_t);
  void* (*allocate_zeros)(std::size_t, std::size_t);
  void* (*reallocate)(void*, std::size_t);
  void* (*allocate_aligned)(std::size_t, std::size_t);
  void (*release)(void*);
  std::size_t (*usable_bytes)(void*);
  void* (*map)(void*, std::size_t, int, int, int, off_t);
};

/// Looked up at the first call, which allocates nothing. Ends the process if it is not there.
const SystemAllocator& system_allocator() noexcept;

}  // namespace millrace::pipelines
