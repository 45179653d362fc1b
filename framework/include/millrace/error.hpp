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

/// What is told of something that is wrong, wherever it is told: thrown as an Error, printed of a config, kept of a run. Those
/// add where it is.
struct Problem {
  ErrorKind kind = ErrorKind::run;
  std::string name = {};                ///< stable, what tests and scripts match: "idx-short", "label-out-of-range"
  std::string message = {};             ///< one sentence for a person
  std::string help = {};                ///< what to do; may be empty
  std::vector<std::string> notes = {};  ///< context, the innermost first: node, stage, epoch, batch, config line
};

/// Thrown by stages, devices and the engine alike; exported, so it keeps one identity across shared objects.
class MILLRACE_EXPORT Error : public std::runtime_error {
 public:
  explicit Error(Problem problem);
  Error(ErrorKind kind, std::string name, std::string message, std::string help = {});

  const Problem& problem() const { return problem_; }
  ErrorKind kind() const { return problem_.kind; }
  const std::string& name() const { return problem_.name; }
  const std::string& message() const { return problem_.message; }
  const std::string& help() const { return problem_.help; }
  const std::vector<std::string>& notes() const { return problem_.notes; }

  /// Adds a line of context. Returns *this, so that it can be thrown again.
  Error& add_note(std::string note);

  /// The parameter of the node that is to blame ("images"); the config's error then points at its value. Returns *this.
  Error& about_param(std::string path);
  const std::string& param() const { return param_; }

  int exit_code() const { return static_cast<int>(kind()); }
  /// The whole error as a person reads it: `error[name]: message`, then `= note:` and `= help:` lines.
  std::string render() const;

 private:
  Problem problem_;
  std::string param_;
};

}  // namespace millrace
