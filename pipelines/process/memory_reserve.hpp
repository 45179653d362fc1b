// What happens when the system gives no more memory: small requests are served from a reserve, so that code that is told of it can
// say so; when that is used up too, the process ends with a message and an exit code.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace millrace::pipelines {

/// Memory for `operator new`: from the system; failing that, for less than 1 MiB, from the reserve, and a larger request throws
/// std::bad_alloc. So a failed allocation is an exception only where a large one was asked for, and never one in the middle of a
/// list or a destructor. Ends the process with code 1 when the reserve is used up. `alignment` is a power of two. Any thread.
void* allocate_or_end(std::size_t bytes, std::size_t alignment);
/// The same for malloc() and its relatives: a larger request gets null where the first throws.
void* allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept;
/// The same, all bytes 0.
void* allocate_zeros_or_null(std::size_t bytes) noexcept;
/// `memory` with another size; null for a larger request that fails, and then `memory` is as it was. `memory` is of one of these or
/// null, `bytes` is not 0.
void* reallocate_or_null(void* memory, std::size_t bytes) noexcept;
/// Gives back what any of these gave, or null. What came from the reserve is not used again.
void release_allocated(void* memory) noexcept;
/// How much may be written to what any of these gave; 0 for null.
std::size_t usable_bytes(void* memory) noexcept;

/// mmap(); a small piece of memory without a file ends the process when the system does not give it.
void* map_or_end(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept;

/// Where an object is owed to the reader of the results, if the process has to end for want of memory; -1: nowhere.
void owe_results(int descriptor) noexcept;
/// From now on std::bad_alloc that nobody catches ends the process in the same way.
void end_on_uncaught_bad_alloc();

}  // namespace millrace::pipelines
