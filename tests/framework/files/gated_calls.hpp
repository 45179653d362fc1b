// File calls of a test: each asks first whether it may be made, must fail, or is the end of the process.
#pragma once

#include <millrace/detail/file_calls.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace millrace::testing {

inline constexpr int kPass = 0, kKill = -1;
inline constexpr int kKilledStatus = 99;

/// Is in place of the system's calls as long as it lives. Nothing is brought to a disk for real, which the end of a process does not need.
class GatedCalls : public FileCalls {
 public:
  /// Called with the name of a call and its number, from 1; answers kPass, kKill or the errno to fail with.
  using Gate = std::function<int(std::string_view call, int number)>;

  explicit GatedCalls(Gate gate = [](std::string_view, int) { return kPass; })
      : gate_(std::move(gate)), before_(&file_calls()) {
    use_file_calls(this);
  }
  ~GatedCalls() override { use_file_calls(before_); }

  bool writes_half = false;       ///< a write that fails or is the end has written the first half
  bool knows_nameless = true;     ///< whether the file system knows O_TMPFILE
  std::optional<double> clock_s;  ///< the file server's, where it is not the system's

  int open(const char* path, int flags, mode_t mode) override {
    if (!knows_nameless && (flags & O_TMPFILE) == O_TMPFILE) return fail(EOPNOTSUPP);
    return passes("open") ? FileCalls::open(path, flags, mode) : -1;
  }
  ssize_t write(int file, const void* bytes, std::size_t count) override {
    const auto half = [&] { return writes_half ? FileCalls::write(file, bytes, count / 2) : 0; };
    return passes("write", half) ? FileCalls::write(file, bytes, count) : -1;
  }
  int sync(int) override { return passes("sync") ? 0 : -1; }
  int sync_data(int) override { return passes("sync_data") ? 0 : -1; }
  int cut(int file, off_t bytes) override { return passes("cut") ? FileCalls::cut(file, bytes) : -1; }
  int link(const char* file, const char* name) override { return passes("link") ? FileCalls::link(file, name) : -1; }
  int rename(const char* from, const char* to) override { return passes("rename") ? FileCalls::rename(from, to) : -1; }
  int unlink(const char* path) override { return passes("unlink") ? FileCalls::unlink(path) : -1; }
  int touch(int file, const std::timespec* modified) override {
    if (!passes("touch")) return -1;
    if (modified != nullptr || !clock_s) return FileCalls::touch(file, modified);
    const std::timespec now{static_cast<time_t>(std::floor(*clock_s)), 0};
    return FileCalls::touch(file, &now);
  }

 private:
  static int fail(int error) {
    errno = error;
    return -1;
  }
  bool passes(
      std::string_view call, const std::function<ssize_t()>& before_it_fails = [] { return 0; }) {
    const int verdict = gate_(call, ++calls_);
    if (verdict == kPass) return true;
    before_it_fails();
    if (verdict == kKill) ::_exit(kKilledStatus);
    fail(verdict);
    return false;
  }

  Gate gate_;
  FileCalls* before_;
  int calls_ = 0;
};

/// How a process that was forked to do `work` has ended; 100 after an exception.
inline int status_of_fork(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    try {
      work();
    } catch (...) {
      ::_exit(100);
    }
    ::_exit(0);
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFEXITED(status)) throw std::runtime_error("a child was lost");
  return WEXITSTATUS(status);
}

/// How the file system and a failing write behave.
struct Circumstances {
  bool knows_nameless = true;
  bool writes_half = false;
  void apply_to(GatedCalls& calls) const {
    calls.knows_nameless = knows_nameless;
    calls.writes_half = writes_half;
  }
};

inline constexpr Circumstances kAllCircumstances[] = {{true, false}, {true, true}, {false, false}, {false, true}};

/// Does `work` in one process after another, which ends at its 1st, 2nd, ... file call, and `check` after each. Returns how many were killed.
inline int kill_at_each_call(const Circumstances& circumstances, const std::function<void()>& work,
                             const std::function<void()>& check) {
  for (int last = 1;; ++last) {
    const int status = status_of_fork([&] {
      GatedCalls calls([last](std::string_view, int number) { return number == last ? kKill : kPass; });
      circumstances.apply_to(calls);
      work();
    });
    check();
    if (status == 0) return last - 1;
    if (status != kKilledStatus) throw std::runtime_error("a child has failed");
  }
}

/// Whether everything is tried, not only a sample.
inline bool is_full_test() { return std::getenv("MILLRACE_FULL") != nullptr; }

}  // namespace millrace::testing
