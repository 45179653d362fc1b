// What happens when the system gives no more memory: small requests are served from a reserve, so that whoever is told of it can
// say so; when that is used up too, the process ends with a message and an exit code.
#pragma once

#include <cstddef>

namespace millrace::pipelines {

/// Memory for `operator new`: from the system; failing that, for less than 1 MiB, from the reserve, and a larger request throws
/// std::bad_alloc. So a failed allocation is an exception only where a large one was asked for, and never one in the middle of a
/// list or a destructor. Ends the process with code 1 when the reserve is used up. `alignment` is a power of two. Any thread.
void* allocate_or_end(std::size_t bytes, std::size_t alignment);
/// The same for who gives it back with free(): a small request ends the process when the system gives nothing, and a larger one gets
/// null. `alignment` is a power of two.
void* allocate_for_free_or_end(std::size_t bytes, std::size_t alignment) noexcept;
/// Gives back what the first gave. What came from the reserve is not used again.
void release_allocated(void* memory) noexcept;

/// Where an object is owed to whoever reads the results, if the process has to end for want of memory; -1: nowhere.
void owe_results(int descriptor) noexcept;
/// From now on std::bad_alloc that nobody catches ends the process in the same way.
void end_on_uncaught_bad_alloc();

}  // namespace millrace::pipelines
