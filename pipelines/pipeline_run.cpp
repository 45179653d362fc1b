// The program: arguments, the verb, the exit code.
#include "command/inner_verbs.hpp"
#include "command/line/command_line.hpp"
#include "command/line/completion.hpp"
#include "command/pages/exit_note.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/terminal.hpp"
#include "process/call_limit.hpp"
#include "process/command_error.hpp"
#include "process/crash_line.hpp"
#include "process/memory_reserve.hpp"
#include "process/process_start.hpp"

#include <millrace/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <exception>
#include <string>

namespace {

using namespace millrace::pipelines;

/// How errors are told, before and after the verb's own options are known.
struct Telling {
  bool json = false;
  ColorChoice color = ColorChoice::automatic;
};

int report(const millrace::Error& error, const Telling& telling) {
  const Diagnostic diagnostic{error.problem()};
  write_note(render(diagnostic, look_of(STDERR_FILENO, telling.color)));
  Diagnostics diagnostics;
  diagnostics.add(diagnostic);
  // What could not be written once is not written again, but its reason was.
  if (telling.json && !is_result_lost()) write_result(errors_json(diagnostics));
  return error.exit_code();
}

int act(const ParsedCommand& command, Telling& telling) {
  if (command.options == nullptr) return write_result(command.page), 0;
  telling = {command.options->json, command.options->color};
  const int code = command.verb->act(*command.options);
  owe_results(-1);
  return code;
}

int serve(const std::vector<std::string>& arguments) {
  Telling telling;
  telling.json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
  const CrashLines crash_lines;
  const ExitWatch exit_watch(exit_teller(telling.json));
  const CallLimits call_limits(hung_teller(telling.json));
  try {
    if (!arguments.empty() && arguments.front() == kComplete)
      return write_result(candidates({arguments.begin() + 1, arguments.end()})), 0;
    if (telling.json) owe_results(result_descriptor());
    return act(parse_command(arguments), telling);
  } catch (...) {
    return report(error_of(std::current_exception()), telling);
  }
}

int serve_or_act(const std::vector<std::string>& arguments) {
  try {
    if (const auto code = serve_inner_verb(arguments)) return *code;
    keep_results_apart();
    return serve(arguments);
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
