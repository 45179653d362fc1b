#include "memory_reserve.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
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

void* from_reserve(std::size_t bytes, std::size_t alignment) noexcept {
  std::size_t at = used.load(std::memory_order_relaxed), start = 0;
  do {
    start = (at + alignment - 1) / alignment * alignment;
    if (start > kReserveBytes || bytes > kReserveBytes - start) return nullptr;
  } while (!used.compare_exchange_weak(at, start + bytes));
  return reserve.data() + start;
}

// aligned_alloc wants a multiple of the alignment. Null also where there is none that a size can hold.
void* aligned(std::size_t bytes, std::size_t alignment) noexcept {
  if (bytes > SIZE_MAX - (alignment - 1)) return nullptr;
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
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

void* allocate_or_end(std::size_t bytes, std::size_t alignment) {
  const std::size_t size = bytes == 0 ? 1 : bytes;
  void* memory = alignment <= alignof(std::max_align_t) ? std::malloc(size) : aligned(size, alignment);
  if (memory != nullptr) return memory;
  if (size >= kSmall) throw std::bad_alloc();
  memory = from_reserve(size, alignment);
  if (memory == nullptr) end_for_want_of_memory();
  return memory;
}

void* allocate_for_free_or_end(std::size_t bytes, std::size_t alignment) noexcept {
  void* const memory = aligned(bytes, alignment);
  if (memory == nullptr && bytes < kSmall) end_for_want_of_memory();
  return memory;
}

void release_allocated(void* memory) noexcept {
  if (!is_of_reserve(memory)) std::free(memory);
}

void owe_results(int descriptor) noexcept { owed = descriptor; }

void end_on_uncaught_bad_alloc() { terminate_before = std::set_terminate(on_terminate); }

}  // namespace millrace::pipelines
