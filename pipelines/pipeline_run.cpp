// The program: arguments, the verb, the exit code.
#include "command/inner_verbs.hpp"
#include "command/line/command_line.hpp"
#include "command/loading/checked_config.hpp"
#include "command/pages/exit_note.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/terminal.hpp"
#include "process/call_limit.hpp"
#include "process/crash_line.hpp"
#include "process/memory_reserve.hpp"
#include "process/process_start.hpp"
#include "process/system_failure.hpp"

#include <millrace/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>

namespace {

using namespace millrace::pipelines;

int report(const millrace::Error& error, const CommandOptions& options) {
  const Diagnostic diagnostic = to_diagnostic(error);
  write_note(render(diagnostic, look_of(STDERR_FILENO, options.color)));
  Diagnostics diagnostics;
  diagnostics.add(diagnostic);
  // What could not be written once is not written again, but its reason was.
  if (options.json && error.kind() != millrace::ErrorKind::output) write_result(errors_json(diagnostics));
  return error.exit_code();
}

int act(const std::vector<std::string>& arguments) {
  CommandOptions options;
  options.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  const CrashLines crash_lines;
  const ExitWatch exit_watch(exit_teller(options.json));
  const CallLimits call_limits(hung_teller(options.json));
  try {
    if (options.json) owe_results(result_descriptor());
    const ParsedCommand command = parse_command(arguments);
    if (command.verb == nullptr) return write_result(command.output), 0;
    options = command.options;
    const int code = command.verb->act(options);
    owe_results(-1);
    return code;
  } catch (...) {
    return report(error_of(std::current_exception()), options);
  }
}

int serve_or_act(const std::vector<std::string>& arguments) {
  try {
    if (const auto code = serve_inner_verb(arguments)) return *code;
    keep_results_apart();
    return act(arguments);
  } catch (const millrace::Error& error) {  // standard output is gone while an error is being reported
    return error.exit_code();
  }
}

}  // namespace

int main(int argc, char** argv) {
  start_process();
  end_on_uncaught_bad_alloc();
  const int code = serve_or_act({argv + 1, argv + argc});
  end_process(code);
  return code;
}
