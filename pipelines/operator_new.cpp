// `new` of the program and of everything that it loads: a small request never fails (process/memory_reserve.hpp). The other forms of
// the operators are defined by these. Sanitizers bring operators of their own.
#include "process/memory_reserve.hpp"

#include <bit>
#include <cerrno>
#include <cstddef>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MILLRACE_OTHER_OPERATORS
#endif
#endif

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(MILLRACE_OTHER_OPERATORS)

using millrace::pipelines::allocate_or_end;
using millrace::pipelines::release_allocated;

void* operator new(std::size_t bytes) { return allocate_or_end(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_end(bytes, static_cast<std::size_t>(alignment));
}
// Of libraries in the process oneDNN alone asks in this way, for its kernels, and goes on with null as if it were memory.
extern "C" [[gnu::visibility("default")]] int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  if (!std::has_single_bit(alignment) || alignment < sizeof(void*)) return EINVAL;
  void* const found = millrace::pipelines::allocate_for_free_or_end(bytes == 0 ? 1 : bytes, alignment);
  if (found == nullptr) return ENOMEM;
  *memory = found;
  return 0;
}

void operator delete(void* memory) noexcept { release_allocated(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release_allocated(memory); }
void operator delete(void* memory, std::size_t) noexcept { release_allocated(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release_allocated(memory); }

#endif
