// Virtual, not a preloaded library: sanitizers have their own, and a released program can be tested as it is.
#include <millrace/detail/file_calls.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>

namespace millrace {
namespace {

std::atomic<FileCalls*> of_a_test{nullptr};

}  // namespace

FileCalls::~FileCalls() = default;

int FileCalls::open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
ssize_t FileCalls::write(int file, const void* bytes, std::size_t count) { return ::write(file, bytes, count); }
int FileCalls::sync(int file) { return ::fsync(file); }
int FileCalls::sync_data(int file) { return ::fdatasync(file); }
int FileCalls::cut(int file, off_t bytes) { return ::ftruncate(file, bytes); }
int FileCalls::link(const char* file, const char* name) {
  return ::linkat(AT_FDCWD, file, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}
int FileCalls::rename(const char* from, const char* to) { return ::rename(from, to); }
int FileCalls::unlink(const char* path) { return ::unlink(path); }
int FileCalls::touch(int file, const std::timespec* modified) {
  if (modified == nullptr) return ::futimens(file, nullptr);
  const std::array<std::timespec, 2> both{*modified, *modified};
  return ::futimens(file, both.data());
}

FileCalls& file_calls() {
  static FileCalls the_systems;
  FileCalls* const replaced = of_a_test.load();
  return replaced != nullptr ? *replaced : the_systems;
}

void use_file_calls(FileCalls* calls) { of_a_test.store(calls); }

}  // namespace millrace
