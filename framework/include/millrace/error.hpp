// The one error type. An error says where, what was found, what was expected and what to do.
#pragma once

#include <millrace/detail/export.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace millrace {

/// What went wrong, as the exit code of `pipeline-run` tells it.
enum class ErrorKind : int {
  run = 1,       ///< a stage or the run failed
  usage = 2,     ///< wrong command line
  config = 3,    ///< the config is not valid
  data = 4,      ///< data or a checkpoint is missing or corrupt
  device = 5,    ///< the device is not available
  plugin = 6,    ///< a plugin cannot be used
  output = 7,    ///< an output cannot be written or is locked
  diverged = 8,  ///< a loss, a metric or a weight is not finite
  stalled = 75,  ///< stopped by a stall or a lost peer; resumable
};

/// Thrown by stages, devices and the engine alike; exported, so it keeps one identity across shared objects.
///
/// `name` is stable and is what tests and scripts match (`idx-short`, `label-out-of-range`); `message` is one sentence for
/// a person; `help`, if any, says what to do.
class MILLRACE_EXPORT Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string name, std::string message, std::string help = {});

  ErrorKind kind() const { return kind_; }
  const std::string& name() const { return name_; }
  const std::string& message() const { return message_; }
  const std::string& help() const { return help_; }
  /// Context added on the way up: node, stage, epoch, batch, config line; the innermost first.
  const std::vector<std::string>& notes() const { return notes_; }

  /// Adds a line of context. Returns *this, so that it can be thrown again.
  Error& add_note(std::string note);

  /// The parameter of the node that is to blame ("images"); the config's error then points at its value. Returns *this.
  Error& about_param(std::string path);
  const std::string& param() const { return param_; }

  int exit_code() const { return static_cast<int>(kind_); }
  /// The whole error as a person reads it: `error[name]: message`, then `= note:` and `= help:` lines.
  std::string render() const;

 private:
  ErrorKind kind_;
  std::string name_, message_, help_, param_;
  std::vector<std::string> notes_;
};

}  // namespace millrace
