// Every call is asked again after a signal, and nothing else is tried twice.
#include "output_file.hpp"

#include <millrace/detail/file_calls.hpp>
#include <millrace/detail/system_failure.hpp>
#include <millrace/error.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

constexpr mode_t kMode = 0666;  // less what the user's umask takes

template <class Call>
auto again_after_signals(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

std::string help_for(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "make room, or choose a folder on another disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a folder in which you may write";
    case EIO:
      return "the disk or its server fails: `dmesg` tells more; choose a folder on another disk";
    default:
      return {};
  }
}

struct stat status_of(int descriptor, const std::string& path) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw output_failure("look at", path, errno);
  return status;
}

}  // namespace

Error output_failure(const std::string& doing, const std::string& path, int error) {
  const std::error_code code(error, std::generic_category());
  const std::string what = fmt::format("{} `{}`", doing, path);
  if (error == EMFILE || error == ENFILE) return system_failure(code, what);
  return {ErrorKind::output, "output-unwritable", fmt::format("cannot {}: {}", what, code.message()), help_for(error)};
}

OutputFile::OutputFile(const std::string& path, int flags, const std::nothrow_t&) : path_(path) {
  errno = ENOENT;  // for a path that the system would read less of
  if (path.find('\0') != std::string::npos) return;
  const int always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  descriptor_ = again_after_signals([&] { return file_calls().open(path.c_str(), flags | always, kMode); });
}

OutputFile::OutputFile(const std::string& path, int flags) : OutputFile(path, flags, std::nothrow) {
  if (!is_open()) fail("open", errno);
}

OutputFile OutputFile::try_open(const std::string& path, int flags) { return {path, flags, std::nothrow}; }

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

OutputFile::~OutputFile() {
  if (is_open()) ::close(descriptor_);
}

void OutputFile::fail(const char* doing, int error) const { throw output_failure(doing, path_, error); }

std::string OutputFile::link_path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

void OutputFile::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count =
        again_after_signals([&] { return file_calls().write(descriptor_, bytes.data(), bytes.size()); });
    if (count <= 0) fail("write", count < 0 ? errno : EIO);  // a regular file that takes nothing is broken
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

void OutputFile::sync() const {
  if (again_after_signals([&] { return file_calls().sync(descriptor_); }) != 0) fail("bring to the disk", errno);
}

void OutputFile::sync_data() const {
  if (again_after_signals([&] { return file_calls().sync_data(descriptor_); }) != 0) fail("bring to the disk", errno);
}

void OutputFile::cut(std::uint64_t bytes) const {
  if (again_after_signals([&] { return file_calls().cut(descriptor_, static_cast<off_t>(bytes)); }) != 0)
    fail("shorten", errno);
}

void OutputFile::touch(const std::timespec* modified) const {
  if (file_calls().touch(descriptor_, modified) != 0) fail("set the time of", errno);
}

double OutputFile::modified_s() const { return seconds(status_of(descriptor_, path_).st_mtim); }

std::uint64_t OutputFile::bytes() const { return static_cast<std::uint64_t>(status_of(descriptor_, path_).st_size); }
std::uint64_t OutputFile::names() const { return static_cast<std::uint64_t>(status_of(descriptor_, path_).st_nlink); }
bool OutputFile::is_regular() const { return S_ISREG(status_of(descriptor_, path_).st_mode); }

std::size_t OutputFile::read_at(std::uint64_t offset, std::span<char> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t count = again_after_signals(
        [&] { return ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done)); });
    if (count < 0) fail("read", errno);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

double seconds(const std::timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Some file systems of user space and of Windows servers know no fsync of a folder, and have nothing to bring to a disk.
void sync_folder(const std::string& folder) {
  const OutputFile open(folder, O_RDONLY | O_DIRECTORY);
  if (again_after_signals([&] { return file_calls().sync(open.descriptor()); }) != 0 && errno != EINVAL)
    throw output_failure("bring to the disk the names in", folder, errno);
}

}  // namespace millrace
