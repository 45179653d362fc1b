// `pipeline-run CONFIG`: check, run, report.
#include "check/memory_check.hpp"
#include "command/line/config_arguments.hpp"
#include "command/loading/checked_config.hpp"
#include "command/loading/peer_config.hpp"
#include "command/pages/plan.hpp"
#include "command/pages/run_json.hpp"
#include "command/pages/run_summary.hpp"
#include "command/terminal/progress_line.hpp"
#include "command/terminal/run_output.hpp"
#include "command/terminal/stopping.hpp"
#include "diagnostics/printable_text.hpp"
#include "process/command_error.hpp"
#include "process/exit_watch.hpp"
#include "process/process_info.hpp"
#include "process/timeouts.hpp"
#include "run/runner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <system_error>

namespace millrace::pipelines {
namespace {

struct RunVerbOptions : ConfigOptions {
  bool dry_run = false, quiet = false;
  std::uint32_t every = 0;  ///< a line for each so many epochs; 0: as progress_line.hpp decides
  bool alone = false;       ///< one process, whatever a launcher says
};

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Diagnostics failures_of(const RunReport& report) {
  Diagnostics found;
  for (const RunFailure& failure : report.failures) {
    Diagnostic diagnostic{failure, failure.where};
    if (!failure.node.empty()) {
      std::string place = "in " + node_text(failure.node, failure.stage);
      if (failure.epoch > 0)
        place += failure.batch > 0 ? fmt::format(", epoch {}, batch {}", failure.epoch, failure.batch)
                                   : fmt::format(", epoch {}, packet {}", failure.epoch, failure.packet);
      diagnostic.notes.insert(diagnostic.notes.begin(), std::move(place));
    }
    found.add(std::move(diagnostic));
  }
  return found;
}

Error unwritable(int write_error) {
  return {ErrorKind::output, "output-unwritable",
          "results cannot be written: " + std::generic_category().message(write_error),
          "the reader has gone, the disk is full or it is not open for writing; send the output elsewhere"};
}

/// What made the run fail stays its exit code.
void tell_lost(RunReport& report, const Error& error) {
  report.failures.push_back({error.problem()});
  if (report.exit_code != 0) return;
  report.exit_code = static_cast<int>(ErrorKind::output);
  report.reason = "output lost";
}

// Where epoch lines, summary and prints go: with --json standard output is one object and nothing else.
int lines_descriptor(const RunVerbOptions& options) { return options.json ? STDERR_FILENO : result_descriptor(); }

ProgressOptions progress_options(const ValidatedGraph& graph, const RunVerbOptions& options) {
  ProgressOptions progress;
  progress.epochs = graph.epochs;
  progress.every = options.every;
  progress.quiet = options.quiet;
  for (const ValidatedNode& node : graph.nodes) {
    if (graph.is_trainer(node)) progress.trainers.push_back(node.name);
    if (graph.is_evaluator(node)) progress.validates = true;
  }
  progress.live_style = [color = options.color] { return style_of(STDERR_FILENO, color); };
  progress.result_style = [color = options.color, to = lines_descriptor(options)] { return style_of(to, color); };
  progress.clock = now_seconds;
  return progress;
}

// Where standard error takes nothing at the moment, the object does not wait for it.
void tell_end(const ValidatedGraph& graph, RunReport& report, const RunVerbOptions& options, double launch_seconds,
              const RunInfo& info, const Diagnostics& checked, RunOutput& output) {
  if (!options.quiet && graph.ranks.rank == 0)
    output.result(run_summary(graph, report, checked.warnings().size() + report.warnings.size()));
  if (!options.json || takes_text(STDERR_FILENO)) output.finish();
  if (output.write_error() != 0) tell_lost(report, unwritable(output.write_error()));
  try {
    if (options.json) write_result(run_json(graph, report, launch_seconds, info, checked));
  } catch (const Error& error) {  // the caller is to hear of the run's failures all the same
    tell_lost(report, error);
  }
  output.finish();
}

/// How the end of a run is told, whichever way it comes.
struct RunEnd {
  const ValidatedGraph& graph;
  const RunVerbOptions& options;
  Peers* peers;
  double launch_seconds;
  const RunInfo& info;
  const Diagnostics& checked;
  RunOutput& output;

  void tell(RunReport& report) const {
    tell_end(graph, report, options, launch_seconds, info, checked, output);
    if (const Diagnostics failures = failures_of(report); !failures.empty()) write_errors(failures, options, peers);
  }

  /// For a run that may never come back: ends the process, whatever becomes of the telling.
  [[noreturn]] void tell_and_leave(RunReport& report) const noexcept {
    try {
      tell(report);
    } catch (...) {  // no memory, perhaps; the exit code says what is left to say
    }
    if (peers != nullptr) peers->leave(report.exit_code);  // the others hear why
    exit_now(report.exit_code);
  }
};

/// Shows of a rank other than the first what concerns its rows alone.
class OtherRank final : public RunObserver {
 public:
  OtherRank(int rank, const RunVerbOptions& options, RunOutput& output)
      : rank_(rank), options_(options), output_(output) {}
  void warning(const RunWarning& warning) override {
    if (!options_.quiet)
      output_.note(fmt::format("rank {}: {}", rank_, warning_note(warning, look_of(STDERR_FILENO, options_.color))));
  }

 private:
  const int rank_;
  const RunVerbOptions& options_;
  RunOutput& output_;
};

RunReport run_watched(ValidatedGraph& graph, const RunEnd& end, Stopping& stopping) {
  ProgressLine progress(progress_options(graph, end.options), end.output);
  OtherRank other_rank(graph.ranks.rank, end.options, end.output);
  RunOptions run_options;
  run_options.observer = graph.ranks.rank == 0 ? static_cast<RunObserver*>(&progress) : &other_rank;
  run_options.stop_signal = &stopping.signals.first();
  run_options.at_work = &stopping.note.at_work;
  run_options.peers = end.peers;
  run_options.on_hung = [&end](RunReport report) { end.tell_and_leave(report); };
  run_options.worker_program = "/proc/self/exe";
  run_options.strict = end.options.strict;
  run_options.device_timeout =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(device_timeout_seconds()));
  const Following following(stopping.note, end.output);
  RunReport report = run(graph, run_options);
  progress.finish();
  return report;
}

int check_and_run(const RunVerbOptions& options, Stopping& stopping, Peers* peers) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options, peers);
  if (options.dry_run && peers == nullptr) look_for_data(*checked, options);  // a run tells it when it gets there
  if (!checked->diagnostics.has_errors()) check_memory(checked->graph, checked->diagnostics);
  if (peers != nullptr) {
    if (const int code = agree_on_config(*peers, *checked, options); code != 0) return code;
  } else if (checked->diagnostics.has_errors()) {
    return report_errors(*checked, options);
  }
  RunInfo info;
  if (peers != nullptr || options.json) info = info_of(checked->graph);
  if (peers != nullptr)
    if (const int code = agree_on_data(*peers, checked->graph, info.data, options); code != 0) return code;
  if (peers != nullptr)
    tell_peer_warnings(*peers, checked->diagnostics, options, options.quiet);
  else if (!options.quiet)
    tell_warnings(checked->diagnostics, options);
  if (options.dry_run) {
    if (checked->graph.ranks.rank == 0) print_plan(checked->graph, checked->registry, options.json);
    return 0;
  }
  RunOutput output(lines_descriptor(options), STDERR_FILENO);
  const RunEnd end{checked->graph, options, peers, seconds_since_launch(), info, checked->diagnostics, output};
  RunReport report = run_watched(checked->graph, end, stopping);
  const Stopping::Telling telling(stopping);
  end.tell(report);
  return report.exit_code;
}

/// Tells the other ranks first, then this one's user, why this rank ends.
void tell_failure(const Error& error, const RunVerbOptions& options, Peers& peers) noexcept {
  try {
    if (error.name() != "peer-lost") peers.failed(printable_line(shortened(error.message(), kMostMessageBytes)));
    Diagnostics found;
    found.add({error.problem()});
    write_errors(found, options, &peers);
    if (options.json && error.kind() != ErrorKind::output) write_result(errors_json(found));
  } catch (...) {  // the process ends anyhow, by the code of `error`
  }
}

/// One process of several. Only rank 0 writes results, progress and the warnings of the config, which is the same for all.
/// What is thrown is told here, because `leave` may end the process.
int run_among(Peers& peers, RunVerbOptions options, Stopping& stopping) {
  const bool is_first = peers.ranks().rank == 0;
  if (!is_first) {
    options.json = false;
    stopping.note.is_wanted = false;
  }
  peers.watch(&stopping.signals.first());
  int code = 0;
  try {
    code = check_and_run(options, stopping, &peers);
  } catch (...) {
    const Error error = error_of(std::current_exception());
    code = error.exit_code();
    tell_failure(error, options, peers);
  }
  peers.leave(code);
  return code;
}

int act(const RunVerbOptions& options) {
  // For everybody who asks which ranks there are, stages in processes of their own included.
  if (options.alone) ::setenv("MILLRACE_ALONE", "1", 1);  // NOLINT(concurrency-mt-unsafe): no other thread yet
  Stopping stopping(!options.quiet);
  const std::unique_ptr<Peers> peers = open_peers(peer_timeout_seconds());
  return peers ? run_among(*peers, options, stopping) : check_and_run(options, stopping, nullptr);
}

std::vector<Option> own_options() {
  return {json_option(),
          {.name = "dry-run",
           .help = "Do all but the run: read, check, print the plan",
           .store = into(&RunVerbOptions::dry_run)},
          {.name = "quiet",
           .letter = "q",
           .help = "No progress and no summary; errors and what stages print",
           .store = into(&RunVerbOptions::quiet)},
          {.name = "every",
           .kind = ValueKind::count,
           .placeholder = "N",
           .help = "One line for every N epochs, and one for the last",
           .example = "10",
           .range = {.least = 1, .of = "epochs"},
           .store = into(&RunVerbOptions::every)},
          {.name = "alone",
           .help = "A run of one process, also when mpirun or srun starts several",
           .store = into(&RunVerbOptions::alone)}};
}

const RegisteredVerb kVerb({.name = "run",
                            .group = VerbGroup::run,
                            .summary = "train what a config describes",
                            .target = config_target(),
                            .options = config_options(own_options()),
                            .examples = {"pipeline-run mnist_mlp --set epochs=1 --json"},
                            .only_looks = false},
                           act);

}  // namespace
}  // namespace millrace::pipelines
