// A path comes from a config, and a config may come from anybody: nothing is opened that would wait, act or tell secrets.
#include <millrace/detail/environment.hpp>
#include <millrace/detail/system_failure.hpp>
#include <millrace/error.hpp>
#include <millrace/input_file.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace millrace {
namespace {

[[noreturn]] void fail(const char* name, const std::string& path, const std::string& what, std::string help = {}) {
  throw Error(ErrorKind::data, name, fmt::format("{}: {}", path, what), std::move(help));
}

[[noreturn]] void fail_as_no_file(const std::string& path) {
  fail("not-a-file", path, "not a regular file", "name a file, not a folder, a pipe or a device");
}

// No fault of the file: the limit is the process's, or the system's.
[[noreturn]] void fail_for_want_of_files(const std::string& path, const std::string& what,
                                         const std::error_code& code) {
  const Error known = system_failure(code, what);
  throw Error(known.kind(), known.name(), fmt::format("{}: {}", path, what), known.help());
}

[[noreturn]] void fail_to_open(const std::string& path, int error) {
  if (error == ENXIO) fail_as_no_file(path);  // a socket
  const std::error_code code(error, std::generic_category());
  const std::string what = fmt::format("cannot open: {}", code.message());
  if (error == EMFILE || error == ENFILE) fail_for_want_of_files(path, what, code);
  if (error == ENOENT || error == ENOTDIR)
    fail("file-missing", path, what, "check the path; a relative path starts at the current folder");
  fail("file-unreadable", path, what, error == EACCES || error == EPERM ? kLetYourselfRead : "");
}

[[noreturn]] void fail_as_outside(const std::string& path, const std::string& place) {
  fail("outside-folder", path,
       path == place ? "lies outside of the config's folder"
                     : fmt::format("is `{}`, outside of the config's folder", place),
       "move it there, or leave --strict-paths out");
}

bool is_below(const std::filesystem::path& file, const std::vector<std::string>& places) {
  return std::any_of(places.begin(), places.end(), [&](const std::string& place) {
    std::error_code failed;
    const std::filesystem::path top = std::filesystem::canonical(place, failed);
    return !failed && std::mismatch(top.begin(), top.end(), file.begin(), file.end()).first == top.end();
  });
}

// Such files look like regular ones, tell about the process that reads them, and may never end.
bool is_made_up(int descriptor) {
  constexpr std::array<std::uint64_t, 4> kMadeUp{PROC_SUPER_MAGIC, SYSFS_MAGIC, DEBUGFS_MAGIC, TRACEFS_MAGIC};
  struct statfs system {};
  return ::fstatfs(descriptor, &system) == 0 &&
         std::find(kMadeUp.begin(), kMadeUp.end(), static_cast<std::uint64_t>(system.f_type)) != kMadeUp.end();
}

// In the environment, as a stage may run in a process of its own.
constexpr const char* kAllowed = "MILLRACE_INPUT_PLACES";

std::vector<std::string> allowed_places(const std::string& list) {
  std::vector<std::string> places;
  std::istringstream lines(list);
  for (std::string line; std::getline(lines, line);) places.push_back(line);
  return places;
}

// By the file that was opened: a path may lead elsewhere a moment later.
void require_allowed(int descriptor, const std::string& path) {
  const std::optional<std::string> list = find_environment(kAllowed);
  if (!list) return;
  const std::string opened = std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", descriptor)).string();
  if (!is_below(opened, allowed_places(*list))) fail_as_outside(path, opened);
}

}  // namespace

struct InputFile::State {
  explicit State(const std::string& file) : path(file) {
    if (path.find('\0') != std::string::npos) fail_to_open(path.c_str(), ENOENT);  // the system would read less of it
    // Looked at first: opening alone rewinds some devices. Without O_NONBLOCK, opening a fifo waits for a writer.
    struct stat before {};
    if (::stat(path.c_str(), &before) == 0 && !S_ISREG(before.st_mode)) fail_as_no_file(path);
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) fail_to_open(path, errno);
    try {
      opened = status();
      if (!S_ISREG(opened.st_mode)) fail_as_no_file(path);
      if (is_made_up(descriptor))
        fail("not-a-file", path, "made up by the kernel while it is read", "name a file that lies on a disk");
      require_allowed(descriptor, path);
    } catch (...) {
      ::close(descriptor);
      throw;
    }
  }
  ~State() { ::close(descriptor); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  struct stat status() const {
    struct stat now {};
    if (::fstat(descriptor, &now) != 0) fail("file-unreadable", path, std::generic_category().message(errno));
    return now;
  }
  std::size_t read_at(std::uint64_t offset, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t count =
          ::pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0)
        fail("file-unreadable", path,
             fmt::format("at byte {}: {}", offset + done, std::generic_category().message(errno)));
      if (count == 0) break;
      done += static_cast<std::size_t>(count);
    }
    return done;
  }

  std::string path;
  int descriptor = -1;
  std::uint64_t position = 0;
  struct stat opened {};
};

InputFile::InputFile(const std::string& path) : state_(std::make_unique<State>(path)) {}
InputFile::~InputFile() = default;

std::size_t InputFile::read(std::span<std::byte> out) {
  const std::size_t done = state_->read_at(state_->position, out);
  state_->position += done;
  return done;
}

std::size_t InputFile::read_at(std::uint64_t offset, std::span<std::byte> out) { return state_->read_at(offset, out); }

std::uint64_t InputFile::bytes() const { return static_cast<std::uint64_t>(state_->opened.st_size); }
const std::string& InputFile::path() const { return state_->path; }

void InputFile::check_unchanged() const {
  const struct stat now = state_->status(), &then = state_->opened;
  if (now.st_size != then.st_size || now.st_mtim.tv_sec != then.st_mtim.tv_sec ||
      now.st_mtim.tv_nsec != then.st_mtim.tv_nsec)
    fail("file-changed", state_->path, "the file was changed while it was read",
         "wait until it is complete, then run again");
}

void allow_inputs_below(const std::vector<std::string>& places) {
  std::string list;
  for (const std::string& place : places)
    if (place.find('\n') == std::string::npos) list += std::filesystem::absolute(place).string() + "\n";
  ::setenv(kAllowed, list.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): told before there are other threads
}

void require_below(const std::string& path, const std::vector<std::string>& places) {
  std::error_code failed;
  const std::filesystem::path file = std::filesystem::weakly_canonical(path, failed);
  if (failed || !is_below(file, places)) fail_as_outside(path, file.string());
}

std::string why_not_opened(const Error& error, const std::string& path) {
  std::string why = error.message();
  for (const std::string& before : {path + ": ", std::string("cannot open: ")})
    if (why.starts_with(before)) why.erase(0, before.size());
  return why;
}

}  // namespace millrace
