// From checked config to the exit code, for every verb that trains: the same warnings, progress, results and ends.
#include "training.hpp"

#include "check/memory_check.hpp"
#include "command/loading/peer_config.hpp"
#include "command/loading/training_graph.hpp"
#include "command/pages/plan.hpp"
#include "command/pages/run_json.hpp"
#include "command/pages/run_summary.hpp"
#include "command/terminal/answer.hpp"
#include "command/terminal/progress_line.hpp"
#include "command/terminal/run_output.hpp"
#include "command/terminal/stopping.hpp"
#include "diagnostics/printable_text.hpp"
#include "kept_page.hpp"
#include "kept_validation.hpp"
#include "process/command_error.hpp"
#include "process/exit_watch.hpp"
#include "process/process_info.hpp"
#include "process/timeouts.hpp"
#include "record/runs/run_status.hpp"
#include "run/report/report_diagnostics.hpp"
#include "run/runner.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace millrace::pipelines {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string run_line(const std::string& folder) { return fmt::format("run {}\n", printable_line(folder)); }

Error unwritable(int write_error) {
  return {ErrorKind::output, "output-unwritable",
          "results cannot be written: " + std::generic_category().message(write_error),
          "the reader has gone, the disk is full or it is not open for writing; send the output elsewhere"};
}

// Where epoch lines, summary and prints go: with --json standard output is one object and nothing else.
int lines_descriptor(const TrainingOptions& options) { return options.json ? STDERR_FILENO : result_descriptor(); }

ProgressOptions progress_options(const ValidatedGraph& graph, const TrainingOptions& options) {
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

RunState state_of(const RunReport& report) {
  if (report.exit_code == 0) return RunState::finished;
  return report.exit_code > 128 ? RunState::stopped : RunState::failed;
}

// Its text is cut, for a tree of it takes many times as much.
/// What summary.json says: `json`, which is what `--json` prints of the report, with a status.
std::string kept_summary(const RunReport& report, const std::string& json) {
  const std::size_t end = json.rfind('}');
  return json.substr(0, end) + ",\"status\":\"" + name_of(state_of(report)) + "\"" + json.substr(end);
}

/// How the end of a run is kept and told, whichever way it comes.
struct RunEnd {
  const CheckedConfig& config;
  const ValidatedGraph& graph;
  const TrainingOptions& options;
  Peers* peers;
  double launch_seconds;
  const RunInfo& info;
  const Diagnostics& checked;
  RunOutput& output;
  KeptRun* kept;  ///< null: the run is not kept
  Stopping& stopping;

  std::string folder() const { return kept == nullptr ? std::string() : kept->path(); }
  std::string json(const RunReport& report) const {
    return run_json(graph, report, launch_seconds, info, checked, folder());
  }

  void keep(RunReport& report) const {
    if (kept == nullptr) return;
    kept->end(report, [&] { return kept_summary(report, json(report)); });
    if (report.exit_code == 0) judge(report);
    keep_page(*kept, report);
  }

  void tell(RunReport& report) const {
    tell_results(report);
    if (const Diagnostics failures = failures_of(report); !failures.empty()) write_errors(failures, options, peers);
  }

  /// For a run that may never come back: ends the process, whatever becomes of the telling.
  [[noreturn]] void tell_and_leave(RunReport& report) const noexcept {
    try {
      keep(report);
    } catch (...) {  // no memory, perhaps; the exit code says what is left to say
    }
    tell_end(report);
  }

 private:
  // A stage that hangs in the meantime costs the run its page at most.
  void judge(RunReport& report) const {
    const auto on_hung = [&](const RunReport&) {
      keep_page(*kept, report);
      tell_end(report);
    };
    keep_validation(*kept, config, {&stopping.signals.first(), &stopping.note.at_work, on_hung}, report);
  }

  [[noreturn]] void tell_end(RunReport& report) const noexcept {
    try {
      tell(report);
    } catch (...) {  // as above
    }
    if (peers != nullptr) peers->leave(report.exit_code);  // the others hear why
    exit_now(report.exit_code);
  }

  std::string summary(const RunReport& report) const {
    std::string text = run_summary(graph, report, checked.warnings().size() + report.warnings.size());
    return kept == nullptr ? text : text + run_line(folder());
  }

  // Where standard error takes nothing at the moment, the object does not wait for it.
  void tell_results(RunReport& report) const {
    if (!options.quiet && graph.ranks.rank == 0) output.result(summary(report));
    if (!options.json || takes_text(STDERR_FILENO)) output.finish();
    if (output.write_error() != 0) add_lost_output(report, unwritable(output.write_error()));
    try {
      if (options.json) write_result(json(report));
    } catch (const Error& error) {  // the caller is to hear of the run's failures all the same
      add_lost_output(report, error);
    }
    output.finish();
  }
};

/// Shows of a rank other than the first what concerns its rows alone.
class OtherRank final : public RunObserver {
 public:
  OtherRank(int rank, const TrainingOptions& options, RunOutput& output)
      : rank_(rank), options_(options), output_(output) {}
  void warning(const RunWarning& warning) override {
    if (!options_.quiet)
      output_.note(fmt::format("rank {}: {}", rank_, warning_note(warning, look_of(STDERR_FILENO, options_.color))));
  }

 private:
  const int rank_;
  const TrainingOptions& options_;
  RunOutput& output_;
};

RunReport run_watched(ValidatedGraph& graph, TrainingStart& start, const RunEnd& end, Stopping& stopping) {
  ProgressLine progress(progress_options(graph, end.options), end.output);
  OtherRank other_rank(graph.ranks.rank, end.options, end.output);
  RunOptions run_options;
  run_options.observer = graph.ranks.rank == 0 ? static_cast<RunObserver*>(&progress) : &other_rank;
  run_options.loaded = std::move(start.loaded);
  run_options.earlier_epochs = std::move(start.earlier_epochs);
  if (start.kept) start.kept->attach(run_options);
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

/// Nothing where the run was begun and has to be begun anew, from before what it went on from; not if it `is_last`.
std::optional<int> check_and_run_once(const TrainingOptions& options, const BeginTraining& begin, Stopping& stopping,
                                      Peers* peers, bool is_last) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options, peers);
  leave_test_out(*checked, peers);
  if (options.dry_run && peers == nullptr) look_for_data(*checked, options);  // a run tells it when it gets there
  checked->graph.is_kept =
      options.keeps(*checked) || (options.dry_run && checked->spec.keep.is_kept && !options.no_keep);
  if (!checked->diagnostics.has_errors()) check_memory(checked->graph, checked->diagnostics);
  if (peers != nullptr) {
    if (const int code = agree_on_config(*peers, *checked, options); code != 0) return code;
  } else if (checked->diagnostics.has_errors()) {
    return report_errors(*checked, options);
  }
  RunInfo info;
  if (peers != nullptr || options.json || options.goes_on || options.keeps(*checked)) info = info_of(checked->graph);
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
  TrainingStart start = begin(*checked, info);
  RunOutput output(lines_descriptor(options), STDERR_FILENO);
  if (start.kept && !options.quiet) output.note(run_line(start.kept->path()));
  const RunEnd end{*checked, checked->graph,   options, peers, seconds_since_launch(), info, checked->diagnostics,
                   output,   start.kept.get(), stopping};
  RunReport report = run_watched(checked->graph, start, end, stopping);
  const bool is_refused = start.kept && start.kept->refuses_start(report);
  end.keep(report);
  if (is_refused && !is_last) return std::nullopt;
  const Stopping::Telling telling(stopping);
  end.tell(report);
  return report.exit_code;
}

// Two checkpoints that do not go on as before are no accident of one file: then the user is asked.
int check_and_run(const TrainingOptions& options, const BeginTraining& begin, Stopping& stopping, Peers* peers) {
  if (const auto code = check_and_run_once(options, begin, stopping, peers, false)) return *code;
  return check_and_run_once(options, begin, stopping, peers, true).value();
}

/// Tells the other ranks first, then this one's user, why this rank ends.
void tell_failure(const Error& error, const TrainingOptions& options, Peers& peers) noexcept {
  try {
    if (error.name() != "peer-lost") peers.failed(printable_line(shortened(error.message(), kMostMessageBytes)));
    Diagnostics found;
    found.add({error.problem()});
    write_errors(found, options, &peers);
    if (options.json && !is_result_lost()) write_result(errors_json(found));
  } catch (...) {  // the process ends anyhow, by the code of `error`
  }
}

/// One process of several. Only rank 0 writes results, progress and the warnings of the config, which is the same for all.
/// What is thrown is told here, because `leave` may end the process.
int run_among(Peers& peers, TrainingOptions options, const BeginTraining& begin, Stopping& stopping) {
  const bool is_first = peers.ranks().rank == 0;
  if (!is_first) {
    options.json = false;
    stopping.note.is_wanted = false;
  }
  peers.watch(&stopping.signals.first());
  int code = 0;
  try {
    code = check_and_run(options, begin, stopping, &peers);
  } catch (...) {
    const Error error = error_of(std::current_exception());
    code = error.exit_code();
    tell_failure(error, options, peers);
  }
  peers.leave(code);
  return code;
}

}  // namespace

int train(const TrainingOptions& options, const BeginTraining& begin) {
  // For everybody who asks which ranks there are, stages in processes of their own included.
  if (options.alone) ::setenv("MILLRACE_ALONE", "1", 1);  // NOLINT(concurrency-mt-unsafe): no other thread yet
  Stopping stopping(!options.quiet);
  const std::unique_ptr<Peers> peers = open_peers(peer_timeout_seconds());
  return peers ? run_among(*peers, options, begin, stopping) : check_and_run(options, begin, stopping, nullptr);
}

std::vector<Option> training_options() {
  return {json_option(),
          {.name = "quiet",
           .letter = "q",
           .help = "No progress and no summary; errors and what stages print",
           .store = into(&TrainingOptions::quiet)},
          {.name = "every",
           .kind = ValueKind::count,
           .placeholder = "N",
           .help = "One line for every N epochs, and one for the last",
           .example = "10",
           .range = {.least = 1, .of = "epochs"},
           .store = into(&TrainingOptions::every)},
          {.name = "alone",
           .help = "A run of one process, also when mpirun or srun starts several",
           .store = into(&TrainingOptions::alone)},
          runs_option()};
}

}  // namespace millrace::pipelines
