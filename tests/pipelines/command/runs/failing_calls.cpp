// Preloaded into a program: call number FAIL_AT of those that change files below the folder FAIL_BELOW does not come about. FAIL_HOW says
// how: `kill` ends the process there, a number is what the call says (errno), once or with FAIL_ON from there on. FAIL_COUNT names a file
// that gets one byte for each such call.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constinit std::atomic<long> calls{0};
constinit long fail_at = 0;
constinit int fail_with = 0;  // 0: the process ends
constinit bool from_then_on = false;
constinit int count_file = -1;
constinit const char* below = nullptr;

[[gnu::constructor]] void begin() {
  below = std::getenv("FAIL_BELOW");
  from_then_on = std::getenv("FAIL_ON") != nullptr;
  if (const char* how = std::getenv("FAIL_HOW")) fail_with = std::strcmp(how, "kill") == 0 ? 0 : std::atoi(how);
  if (const char* path = std::getenv("FAIL_COUNT"))
    count_file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (const char* at = std::getenv("FAIL_AT")) fail_at = std::atol(at);
}

bool is_below(const char* path) { return below != nullptr && std::strncmp(path, below, std::strlen(below)) == 0; }

bool is_below(int file) {
  char link[32], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const long length = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return is_below(path);
}

bool fails() {
  const long number = ++calls;
  if (count_file >= 0) syscall(SYS_write, count_file, ".", 1UL);
  if (fail_at == 0 || (from_then_on ? number < fail_at : number != fail_at)) return false;
  if (fail_with == 0) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
  }
  errno = fail_with;
  return true;
}

template <class What>
bool fails_at(What what) {
  return is_below(what) && fails();
}

int opened(const char* path, int flags, mode_t mode) {
  const bool changes = (flags & (O_CREAT | O_WRONLY | O_RDWR | O_TRUNC)) != 0;
  if (changes && fails_at(path)) return -1;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

mode_t mode_of(int flags, std::va_list arguments) {
  const bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return makes ? static_cast<mode_t>(va_arg(arguments, unsigned)) : 0;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return opened(path, flags, mode);
}
ssize_t write(int file, const void* bytes, std::size_t count) {
  return fails_at(file) ? -1 : syscall(SYS_write, file, bytes, count);
}
int fsync(int file) { return fails_at(file) ? -1 : static_cast<int>(syscall(SYS_fsync, file)); }
int fdatasync(int file) { return fails_at(file) ? -1 : static_cast<int>(syscall(SYS_fdatasync, file)); }
int ftruncate(int file, off_t bytes) noexcept {
  return fails_at(file) ? -1 : static_cast<int>(syscall(SYS_ftruncate, file, bytes));
}
int linkat(int from_at, const char* from, int to_at, const char* to, int flags) noexcept {
  return fails_at(to) ? -1 : static_cast<int>(syscall(SYS_linkat, from_at, from, to_at, to, flags));
}
int rename(const char* from, const char* to) noexcept {
  return fails_at(to) ? -1 : static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) noexcept {
  return fails_at(path) ? -1 : static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return fails_at(path) ? -1 : static_cast<int>(syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int symlink(const char* target, const char* path) noexcept {
  return fails_at(path) ? -1 : static_cast<int>(syscall(SYS_symlinkat, target, AT_FDCWD, path));
}
int futimens(int file, const timespec* times) noexcept {
  return fails_at(file) ? -1 : static_cast<int>(syscall(SYS_utimensat, file, nullptr, times, 0));
}
}
#pragma GCC visibility pop
