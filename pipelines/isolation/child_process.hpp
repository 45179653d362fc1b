// A program started beside this one, with everything that it starts, and its end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Its destructor leaves nothing of it behind. One thread at a time.
class ChildProcess {
 public:
  /// Starts `program` with `arguments`. It has a process group of its own, nothing as its input, our standard error as both
  /// of its outputs, and `descriptors` as 3, 4, ...; nothing else is open there. Throws Error("no-process", run).
  ChildProcess(const std::string& program, std::vector<std::string> arguments, const std::vector<int>& descriptors);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Its status, as waitpid tells it, once it has ended by itself within `limit`; empty otherwise.
  std::optional<int> wait(std::chrono::milliseconds limit);
  /// Ends it and what it has started.
  void kill();

 private:
  bool has_ended() const;
  void collect();

  pid_t process_ = -1;
  std::optional<int> status_;
};

}  // namespace millrace::pipelines
