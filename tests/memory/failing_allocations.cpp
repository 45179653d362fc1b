// Preloaded into a program: allocation number FAIL_AT fails, or with FAIL_ON all from there on. FAIL_COUNT names a file that gets the
// number of allocations, 8 bytes, kept up to date while the program runs. `new` goes through malloc, so this is every allocation
// but those of the loader and of the C library itself. With FAIL_THREADS the threads from that number on cannot be started.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

constinit std::atomic<long> own_count{0};
constinit std::atomic<long>* count = &own_count;
constinit long fail_at = 0;
constinit bool from_then_on = false;
constinit long fail_threads = 0;
constinit std::atomic<long> threads{0};

bool fails() {
  const long number = ++*count;
  if (fail_at == 0 || (from_then_on ? number < fail_at : number != fail_at)) return false;
  errno = ENOMEM;
  return true;
}

void* map_it(void* at, std::size_t bytes, int protection, int flags, int file, long offset) {
  return reinterpret_cast<void*>(syscall(SYS_mmap, at, bytes, protection, flags, file, offset));
}

void count_in(const char* path) {
  const int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, sizeof(long)) != 0) std::abort();
  void* const page = map_it(nullptr, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (page == MAP_FAILED) std::abort();
  count = static_cast<std::atomic<long>*>(page);
  close(file);
}

[[gnu::constructor]] void begin() {
  if (const char* path = std::getenv("FAIL_COUNT")) count_in(path);
  from_then_on = std::getenv("FAIL_ON") != nullptr;
  if (const char* at = std::getenv("FAIL_THREADS")) fail_threads = std::atol(at);
  if (const char* at = std::getenv("FAIL_AT")) fail_at = std::atol(at) + *count;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* malloc(std::size_t bytes) { return fails() ? nullptr : __libc_malloc(bytes); }
void* calloc(std::size_t of, std::size_t bytes) { return fails() ? nullptr : __libc_calloc(of, bytes); }
void* realloc(void* memory, std::size_t bytes) { return fails() ? nullptr : __libc_realloc(memory, bytes); }
void* memalign(std::size_t alignment, std::size_t bytes) {
  return fails() ? nullptr : __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) {
  void* const found = memalign(alignment, bytes);
  if (found == nullptr) return ENOMEM;
  *memory = found;
  return 0;
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*), void* argument) {
  static const auto kNext = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (fail_threads != 0 && ++threads >= fail_threads) return EAGAIN;
  return kNext(thread, attributes, body, argument);
}
void* mmap(void* at, std::size_t bytes, int protection, int flags, int file, off_t offset) {
  return fails() ? MAP_FAILED : map_it(at, bytes, protection, flags, file, offset);
}
void* mmap64(void* at, std::size_t bytes, int protection, int flags, int file, off64_t offset) {
  return fails() ? MAP_FAILED : map_it(at, bytes, protection, flags, file, offset);
}
}
#pragma GCC visibility pop
