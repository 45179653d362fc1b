// A program started beside this one, with everything that it starts, and its end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Its destructor leaves nothing of it behind, but for what has left its process group. One thread at a time.
class ChildProcess {
 public:
  static constexpr int kFirstDescriptor = 3;
  /// In place of a status: somebody else has taken it, so nobody knows how the process has ended.
  static constexpr int kUnknownEnd = -1;

  /// Starts `program` with `arguments`. It has a process group of its own, nothing as its input, `error_output` as both of its
  /// outputs, and `descriptors` as 3, 4, ...; nothing else is open there. Throws Error("no-process", run).
  ChildProcess(const std::string& program, std::vector<std::string> arguments, const std::vector<int>& descriptors,
               int error_output);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Its status, as waitpid tells it, once it has ended by itself within `limit`; empty otherwise.
  std::optional<int> wait(std::chrono::milliseconds limit);
  bool has_ended() const { return status_ || look() != Look::runs; }
  /// Ends it and what it has started.
  void kill();

 private:
  enum class Look { runs, ended, taken };
  Look look() const;
  void collect();

  pid_t process_ = -1;
  std::optional<int> status_;
};

/// Gives an open descriptor a number that no child gets as its own, and closes the first; closed on exec. Throws
/// Error("too-many-files", run) when there is none, or when `descriptor` is negative, with the reason in errno.
int out_of_the_way(int descriptor);

}  // namespace millrace::pipelines
