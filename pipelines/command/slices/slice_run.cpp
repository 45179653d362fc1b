// One process, no folder, no progress: what a slice is for is what its captures take.
#include "slice_run.hpp"

#include "check/memory_check.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/progress_line.hpp"
#include "command/terminal/stopping.hpp"
#include "command/terminal/terminal.hpp"
#include "process/exit_watch.hpp"
#include "process/timeouts.hpp"
#include "run/report/report_diagnostics.hpp"
#include "run/runner.hpp"

#include <unistd.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr int kSignalled = 128;  ///< and the signal: the exit code of a run that it has stopped

void tell_errors(const Diagnostics& errors, const VerbOptions& options) {
  write_note(render(errors, look_of(STDERR_FILENO, options.color)));
  if (options.json && !is_result_lost()) write_result(errors_json(errors));
}

bool has_node(const ValidatedGraph& graph, const std::string& name) {
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const ValidatedNode& node) { return node.name == name; });
}

}  // namespace

void tell_run(const RunReport& report, const VerbOptions& options) {
  for (const RunWarning& warning : report.warnings)
    write_note(warning_note(warning, look_of(STDERR_FILENO, options.color)));
  if (const Diagnostics failures = failures_of(report); !failures.empty())
    tell_errors(failures, options);
  else if (report.exit_code > kSignalled && options.json)
    write_result(errors_json(Diagnostics(), nlohmann::ordered_json(), report.exit_code - kSignalled));
}

bool tell_checked(const Diagnostics& diagnostics, const VerbOptions& options) {
  if (diagnostics.has_errors())
    tell_errors(diagnostics, options);
  else if (!diagnostics.empty())
    write_note(render(diagnostics, look_of(STDERR_FILENO, options.color)));
  return !diagnostics.has_errors();
}

RunReport run_watched_slice(ValidatedGraph& slice, SliceRun with, const SliceWatch& watch) {
  RunOptions run_options;
  run_options.captures = std::move(with.captures);
  run_options.observer = with.observer;
  for (NodeState& state : with.loaded)
    if (has_node(slice, state.node)) run_options.loaded.push_back(std::move(state));
  run_options.stop_signal = watch.stop_signal;
  run_options.at_work = watch.at_work;
  run_options.worker_program = "/proc/self/exe";
  run_options.device_timeout =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(device_timeout_seconds()));
  run_options.on_hung = watch.on_hung;
  return run(slice, run_options);
}

RunReport run_slice(ValidatedGraph& slice, SliceRun with, const VerbOptions& options) {
  Diagnostics beyond;
  check_memory(slice, beyond);
  RunReport refused;
  refused.exit_code = beyond.exit_code();
  if (!tell_checked(beyond, options)) return refused;
  Stopping stopping(true);
  const bool is_silent = with.is_silent;
  const auto on_hung = [&options](const RunReport& report) {
    tell_run(report, options);
    exit_now(report.exit_code);
  };
  RunReport report =
      run_watched_slice(slice, std::move(with), {&stopping.signals.first(), &stopping.note.at_work, on_hung});
  const Stopping::Telling telling(stopping);
  if (!is_silent) tell_run(report, options);
  return report;
}

int run_slice(ValidatedGraph& slice, std::vector<Capture> captures, const VerbOptions& options) {
  return run_slice(slice, SliceRun{std::move(captures)}, options).exit_code;
}

}  // namespace millrace::pipelines
