// memfd_create with a seal against shrinking: a process that has mapped a file dies of SIGBUS when another one cuts it off.
#include "shared_file.hpp"

#include "child_process.hpp"

#include <millrace/detail/system_failure.hpp>
#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace millrace::pipelines {
namespace {

[[noreturn]] void fail(const char* what) {
  if (const int error = errno; error == EMFILE || error == ENFILE)
    throw system_failure({error, std::generic_category()},
                         fmt::format("{} memory that is shared with the process of a stage", what));
  throw Error(ErrorKind::run, "no-shared-memory",
              fmt::format("cannot {} memory that is shared with the process of a stage: {}", what,
                          std::generic_category().message(errno)),
              "smaller blocks or batches need less; `ulimit -a` shows the limits of this process");
}

}  // namespace

SharedFile::SharedFile(const char* name) : descriptor_(-1) {
  const int made = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (made < 0) fail("make");
  descriptor_ = out_of_the_way(made);
  if (fcntl(descriptor_, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL) == 0) return;
  const int error = errno;  // whose destructor does not run closes by itself
  close(descriptor_);
  errno = error;
  fail("make");
}

SharedFile::~SharedFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::uint64_t SharedFile::size() const {
  struct stat facts {};
  if (fstat(descriptor_, &facts) != 0) fail("look at");
  return static_cast<std::uint64_t>(facts.st_size);
}

void SharedFile::grow_to(std::uint64_t bytes) {
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) fail("get");
}

void SharedFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count <= 0) fail("write to");
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void SharedFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = pread(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count <= 0) fail("read");
    offset += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

std::byte* SharedFile::map(std::uint64_t offset, std::size_t bytes, bool writable) const {
  void* memory = mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, descriptor_,
                      static_cast<off_t>(offset));
  if (memory == MAP_FAILED) fail("map");
  return static_cast<std::byte*>(memory);
}

std::uint64_t whole_pages(std::uint64_t bytes) {
  static const auto kPage = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return std::max<std::uint64_t>(1, (bytes + kPage - 1) / kPage) * kPage;
}

}  // namespace millrace::pipelines
