// dlsym with RTLD_NEXT finds the next malloc in the loader's order; threads that come together all look it up, since none may wait here.
#include "system_allocator.hpp"

#include <dlfcn.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>

namespace millrace::pipelines {
namespace {

constinit SystemAllocator found{};
constinit std::atomic<bool> complete{false};

template <typename Function>
void find(Function& function, const char* name) noexcept {
  void* const next = dlsym(RTLD_NEXT, name);
  function = next != nullptr ? reinterpret_cast<Function>(next) : reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  if (function == nullptr) std::abort();
}

// No static of a function: its guard may wait, and the first call comes while the loader still has its locks.
void find_all() noexcept {
  find(found.allocate, "malloc");
  find(found.allocate_zeros, "calloc");
  find(found.reallocate, "realloc");
  find(found.allocate_aligned, "memalign");
  find(found.release, "free");
  find(found.usable_bytes, "malloc_usable_size");
  find(found.map, "mmap");
  complete.store(true, std::memory_order_release);
}

}  // namespace

const SystemAllocator& system_allocator() noexcept {
  if (!complete.load(std::memory_order_acquire)) find_all();
  return found;
}

}  // namespace millrace::pipelines
