// Runs code that may crash, hang or exit in a forked process, and tells how that ended.
#pragma once

#include <millrace/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace millrace::pipelines {

struct ChildEnd {
  enum class How : std::uint8_t { returned, threw, crashed, exited, hung } how = How::returned;
  std::string result;          ///< returned: what the body returned, up to its first zero byte
  std::optional<Error> error;  ///< threw: name, message and help of its Error; the kind is plugin
  int number = 0;              ///< crashed: the signal; exited: the exit code
  std::string last_words;      ///< the last line that it wrote to standard error
};

/// Runs `body` in a forked process whose standard streams lead nowhere, and ends that process and all it started, at the latest
/// after `limit`. Must be called while the process has one thread. Throws Error(run) where no process can be made.
ChildEnd run_in_child(std::chrono::milliseconds limit, const std::function<std::string()>& body);

/// "Segmentation fault".
std::string signal_text(int number);

}  // namespace millrace::pipelines
