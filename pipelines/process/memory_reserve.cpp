// A bump allocator over 8 MiB of static memory, moved on by compare-and-swap: it has to work within malloc, on any thread, and reuses nothing.
#include "memory_reserve.hpp"

#include "system_allocator.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kSmall = std::size_t{1} << 20;
constexpr std::size_t kReserveBytes = std::size_t{8} << 20;  // pages that nobody touches cost nothing

constexpr std::string_view kMessage =
    "\nerror[out-of-memory]: the system gives this process no more memory\n"
    "   = help: smaller blocks, batches or models and fewer rows need less; `pipeline-run plan` tells what each node "
    "takes\n";
constexpr std::string_view kObject =
    "{\"schema\":1,\"errors\":[{\"name\":\"out-of-memory\",\"file\":\"\",\"line\":0,\"column\":0,"
    "\"message\":\"the system gives this process no more memory\",\"help\":\"\",\"notes\":[]}],"
    "\"exit\":{\"code\":1,\"reason\":\"failed\"}}\n";

alignas(4096) constinit std::array<std::byte, kReserveBytes> reserve{};
constinit std::atomic<std::size_t> used{0};
constinit std::atomic<int> owed{-1};
std::terminate_handler terminate_before = nullptr;

// Before each piece of the reserve stands how long it is.
constexpr std::size_t kLengthBytes = alignof(std::max_align_t);

std::size_t rounded_up(std::size_t bytes, std::size_t alignment) noexcept {
  return (bytes + alignment - 1) / alignment * alignment;
}

// A piece ends where its alignment does: oneDNN takes the right to write away from whole pages.
void* from_reserve(std::size_t bytes, std::size_t alignment) noexcept {
  const std::size_t by = std::max(alignment, kLengthBytes), size = rounded_up(bytes, by);
  std::size_t at = used.load(std::memory_order_relaxed), start = 0;
  do {
    start = rounded_up(at + kLengthBytes, by);
    if (start > kReserveBytes || size > kReserveBytes - start) return nullptr;
  } while (!used.compare_exchange_weak(at, start + size));
  std::memcpy(reserve.data() + start - kLengthBytes, &size, sizeof size);
  return reserve.data() + start;
}

// In whole pieces of the alignment. Null also where there is none that a size can hold.
void* of_system(std::size_t bytes, std::size_t alignment) noexcept {
  if (alignment <= alignof(std::max_align_t)) return system_allocator().allocate(bytes);
  if (bytes > SIZE_MAX - (alignment - 1)) return nullptr;
  return system_allocator().allocate_aligned(alignment, rounded_up(bytes, alignment));
}

bool is_of_reserve(const void* memory) noexcept {
  const auto* byte = static_cast<const std::byte*>(memory);
  return byte >= reserve.data() && byte < reserve.data() + kReserveBytes;
}

// What cannot be written is lost; the code says the same.
void write_as_far_as_possible(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// Past everything that is registered for the end, which may want memory too.
[[noreturn]] void end_for_want_of_memory() noexcept {
  write_as_far_as_possible(STDERR_FILENO, kMessage);
  if (const int results = owed.exchange(-1); results >= 0) write_as_far_as_possible(results, kObject);
  syscall(SYS_exit_group, 1);
  __builtin_unreachable();
}

[[noreturn]] void on_terminate() {
  if (const std::exception_ptr thrown = std::current_exception()) try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      end_for_want_of_memory();
    } catch (...) {  // not ours
    }
  if (terminate_before != nullptr) terminate_before();
  std::abort();
}

}  // namespace

void* allocate_or_null(std::size_t bytes, std::size_t alignment) noexcept {
  const std::size_t size = bytes == 0 ? 1 : bytes;
  void* memory = of_system(size, alignment);
  if (memory != nullptr || size >= kSmall || alignment >= kSmall) return memory;
  memory = from_reserve(size, alignment);
  if (memory == nullptr) end_for_want_of_memory();
  return memory;
}

void* allocate_or_end(std::size_t bytes, std::size_t alignment) {
  void* const memory = allocate_or_null(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

// What the reserve gives was never used before.
void* allocate_zeros_or_null(std::size_t bytes) noexcept {
  void* memory = system_allocator().allocate_zeros(1, std::max<std::size_t>(bytes, 1));
  if (memory != nullptr || bytes >= kSmall) return memory;
  memory = from_reserve(std::max<std::size_t>(bytes, 1), 1);
  if (memory == nullptr) end_for_want_of_memory();
  return memory;
}

void* reallocate_or_null(void* memory, std::size_t bytes) noexcept {
  if (memory == nullptr) return allocate_or_null(bytes, 1);
  if (!is_of_reserve(memory))
    if (void* const found = system_allocator().reallocate(memory, bytes)) return found;
  void* const found = allocate_or_null(bytes, 1);
  if (found == nullptr) return nullptr;
  std::memcpy(found, memory, std::min(bytes, usable_bytes(memory)));
  release_allocated(memory);
  return found;
}

void release_allocated(void* memory) noexcept {
  if (!is_of_reserve(memory)) system_allocator().release(memory);
}

std::size_t usable_bytes(void* memory) noexcept {
  if (!is_of_reserve(memory)) return system_allocator().usable_bytes(memory);
  std::size_t size = 0;
  std::memcpy(&size, static_cast<std::byte*>(memory) - kLengthBytes, sizeof size);
  return size;
}

void* map_or_end(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) noexcept {
  void* const found = system_allocator().map(at, bytes, protection, flags, file, offset);
  if (found == MAP_FAILED && (flags & MAP_ANONYMOUS) != 0 && bytes < kSmall && errno == ENOMEM)
    end_for_want_of_memory();
  return found;
}

void owe_results(int descriptor) noexcept { owed = descriptor; }

void end_on_uncaught_bad_alloc() { terminate_before = std::set_terminate(on_terminate); }

}  // namespace millrace::pipelines
