// A question put to this program in a process of its own, because the answer takes code that may crash, hang or exit.
#pragma once

#include <millrace/error.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct ChildEnd {
  enum class How : std::uint8_t { returned, threw, crashed, exited, hung } how = How::returned;
  std::string result;          ///< returned: the answer
  std::optional<Error> error;  ///< threw: its Error
  int number = 0;              ///< crashed: the signal; exited: the exit code, or kUnknownEnd
  std::string last_words;      ///< the last line that it wrote to standard error
};

struct Question {
  std::string program;                 ///< whose first arguments are a word that it knows, and this process
  std::vector<std::string> arguments;  ///< the word, then what comes after the number of this process
  std::chrono::milliseconds limit{0};
  std::function<void()> is_slow;  ///< called once when a second has passed without an answer; may be empty
};

/// Starts the program, not a fork of this one, which may have threads; its input and output lead nowhere. Ends it and
/// all it started, at the latest after the limit. Throws Error(run) where no process can be made.
ChildEnd ask_in_child(const Question& question);

/// In that process: leaves no core file, dies with `parent`, tells it what `body` returns, or the Error that it throws, and ends
/// the process. Returns an exit code only where nobody has asked.
int answer_parent(long parent, const std::function<std::string()>& body);

/// "Segmentation fault".
std::string signal_text(int number);

}  // namespace millrace::pipelines
