// `new` and malloc() of the program and of everything that it loads: a small request never fails (process/memory_reserve.hpp). The
// other forms of the operators are defined by these. Sanitizers bring allocators of their own.
#include "process/memory_reserve.hpp"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MILLRACE_OTHER_OPERATORS
#endif
#endif

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(MILLRACE_OTHER_OPERATORS)

using millrace::pipelines::allocate_or_end;
using millrace::pipelines::allocate_or_null;
using millrace::pipelines::release_allocated;

void* operator new(std::size_t bytes) { return allocate_or_end(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_end(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release_allocated(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release_allocated(memory); }
void operator delete(void* memory, std::size_t) noexcept { release_allocated(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release_allocated(memory); }

// C libraries go on with null as if it were memory: libcrypto, oneDNN and libgomp each where they begin to work.
#pragma GCC visibility push(default)
extern "C" {

void* malloc(std::size_t bytes) noexcept { return allocate_or_null(bytes, alignof(std::max_align_t)); }
void free(void* memory) noexcept { release_allocated(memory); }
std::size_t malloc_usable_size(void* memory) noexcept { return millrace::pipelines::usable_bytes(memory); }

void* calloc(std::size_t count, std::size_t bytes) noexcept {
  std::size_t all = 0;
  if (!__builtin_mul_overflow(count, bytes, &all)) return millrace::pipelines::allocate_zeros_or_null(all);
  errno = ENOMEM;
  return nullptr;
}

void* realloc(void* memory, std::size_t bytes) noexcept {
  if (bytes != 0 || memory == nullptr) return millrace::pipelines::reallocate_or_null(memory, bytes);
  release_allocated(memory);
  return nullptr;
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  if (!std::has_single_bit(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  void* const found = allocate_or_null(bytes, alignment);
  if (found == nullptr) return ENOMEM;
  *memory = found;
  return 0;
}

// Both take alignments that are no power of two, as glibc's do.
void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  if (alignment > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return nullptr;
  }
  return allocate_or_null(bytes, std::bit_ceil(alignment));
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return memalign(alignment, bytes); }
void* valloc(std::size_t bytes) noexcept { return memalign(static_cast<std::size_t>(getpagesize()), bytes); }
void* pvalloc(std::size_t bytes) noexcept {
  const auto page = static_cast<std::size_t>(getpagesize());
  return memalign(page, bytes > SIZE_MAX - page ? bytes : (bytes + page - 1) / page * page);
}
// oneDNN's kernels lie in such memory.
void* mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  return millrace::pipelines::map_or_end(at, bytes, protection, flags, file, offset);
}
void* mmap64(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  return mmap(at, bytes, protection, flags, file, offset);
}
}
#pragma GCC visibility pop

#endif
