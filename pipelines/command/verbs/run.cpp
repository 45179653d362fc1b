// `pipeline-run CONFIG`: check, run, report.
#include "check/memory_check.hpp"
#include "command/loading/checked_config.hpp"
#include "command/loading/peer_config.hpp"
#include "command/pages/plan.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/device_time_text.hpp"
#include "command/terminal/progress_line.hpp"
#include "command/terminal/progress_text.hpp"
#include "command/terminal/run_output.hpp"
#include "command/terminal/stop_note.hpp"
#include "diagnostics/printable_text.hpp"
#include "diagnostics/quantity_text.hpp"
#include "process/call_limit.hpp"
#include "process/exit_watch.hpp"
#include "process/process_info.hpp"
#include "process/stop_signals.hpp"
#include "process/system_failure.hpp"
#include "process/timeouts.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/model.hpp>

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

namespace millrace::pipelines {
namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The node that works most of the time it exists is what a faster machine or a cheaper stage would have to improve.
std::string limiting_node(const ValidatedGraph& graph, const RunReport& report) {
  if (report.exit_code != 0 || graph.epochs == 0) return {};
  const auto busiest = std::max_element(report.nodes.begin(), report.nodes.end(),
                                        [](const NodeReport& a, const NodeReport& b) { return a.busy < b.busy; });
  if (busiest == report.nodes.end() || report.seconds <= 0) return {};
  return fmt::format(", limited by {} {:.0f}%", busiest->name, 100 * std::min(1.0, busiest->busy / report.seconds));
}

std::string ranks_text(const ValidatedGraph& graph, const RunReport& report) {
  if (graph.ranks.size == 1) return {};
  std::string text = fmt::format("{} processes\n", graph.ranks.size);
  if (const auto deviation = reduction_deviation(report))
    text += fmt::format(
        "  the gradient of the last batch deviates from `reduction: ordered`\n  by {:.2g} of its largest value\n",
        *deviation);
  return text;
}

/// Epochs that every trainer has ended.
std::size_t epochs_trained(const ValidatedGraph& graph, const RunReport& report) {
  std::optional<std::size_t> least;
  for (const ValidatedNode& node : graph.nodes) {
    if (!graph.is_trainer(node)) continue;
    const auto trained = std::find_if(report.models.begin(), report.models.end(),
                                      [&](const TrainedModel& model) { return model.node == node.name; });
    const std::size_t epochs = trained == report.models.end() ? 0 : trained->model->epoch();
    least = std::min(least.value_or(epochs), epochs);
  }
  return least.value_or(0);
}

/// The hash of a model says whose it is where there are several.
std::string weights_text(const RunReport& report) {
  if (!report.weights_sha256.empty() && report.models.size() == 1)
    return fmt::format("weights sha256 {}\n", report.weights_sha256);
  std::string text;
  for (const TrainedModel& trained : report.models)
    text += fmt::format("weights of {}\n  sha256 {}\n", printable(trained.node), trained.model->weights_sha256());
  return text;
}

/// "stopped by signal 2 (Interrupt) in epoch 3 of 5"; otherwise the reason itself.
std::string end_text(const ValidatedGraph& graph, const RunReport& report) {
  if (report.exit_code <= 128) return report.reason;
  const std::size_t ended = epochs_trained(graph, report);
  return fmt::format("stopped by {} ({}) in epoch {} of {}", report.reason, sigdescr_np(report.exit_code - 128),
                     std::min<std::size_t>(ended + 1, graph.epochs), graph.epochs);
}

std::string warnings_line(std::size_t count) { return count == 0 ? "" : warnings_text(count) + "\n"; }

std::string leaked_text(const RunReport& report) {
  return report.leaked_bytes ? ", leaked " + bytes_text(static_cast<double>(*report.leaked_bytes)) : "";
}

std::string summary(const ValidatedGraph& graph, const RunReport& report, std::size_t warnings) {
  std::string text = fmt::format("{}: {} in {}{}\n", printable(graph.name), end_text(graph, report),
                                 seconds_text(report.seconds), limiting_node(graph, report));
  text += warnings_line(warnings);
  text += weights_text(report);
  text += ranks_text(graph, report);
  text += fmt::format("device {} ({}), {}\n", to_string(graph.device.id), graph.device.reason,
                      counted(graph.threads, "thread"));
  if (!graph.threads_reason.empty()) text += fmt::format("threads: {}\n", graph.threads_reason);
  text += fmt::format("device memory: peak {}{}\n", bytes_text(static_cast<double>(report.device_peak_bytes)),
                      leaked_text(report));
  if (report.peak_bytes > report.device_peak_bytes)
    text += fmt::format("host memory: peak {}\n",
                        bytes_text(static_cast<double>(report.peak_bytes - report.device_peak_bytes)));
  if (report.device_times) text += device_time_text(*report.device_times);
  for (const WidenedBudget& budget : report.widened)
    text += fmt::format(
        "budget of `{}` was widened to {} (planned: {}):\n  stages downstream drop rows, or its blocks are small\n",
        printable(budget.node), counted(budget.blocks, "block"), budget.planned);
  if (const std::size_t more = bytes_beyond_plan(graph, report); more > 0)
    text += fmt::format("the run may take {} more than `plan` said\n", bytes_text(static_cast<double>(more)));
  return text;
}

Diagnostics failures_of(const RunReport& report) {
  Diagnostics found;
  for (const RunFailure& failure : report.failures) {
    Diagnostic diagnostic{failure.kind, failure.name, failure.message, failure.where, {}, failure.help, failure.notes};
    if (!failure.node.empty()) {
      std::string place = fmt::format("in node `{}` (stage {})", failure.node, failure.stage);
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
  report.failures.push_back(
      {error.kind(), error.name(), error.message(), error.help(), error.notes(), {}, {}, 0, 0, 0, {}});
  if (report.exit_code != 0) return;
  report.exit_code = static_cast<int>(ErrorKind::output);
  report.reason = "output lost";
}

/// What a first signal is answered with, by the thread that takes signals. Before and after the run it is written at once.
class StopNote {
 public:
  explicit StopNote(bool wanted) : is_wanted(wanted) {}
  ActiveNodes at_work;
  std::atomic<bool> is_wanted;

  void follow(RunOutput* output) {
    const std::lock_guard lock(mutex_);
    output_ = output;
  }
  void write(int signal) {
    if (!is_wanted) return;
    const std::lock_guard lock(mutex_);
    if (output_ != nullptr) return output_->note(stop_note_text(signal, at_work.now()));
    if (takes_text(STDERR_FILENO)) write_note(early_stop_note_text(signal));
  }

 private:
  std::mutex mutex_;
  RunOutput* output_ = nullptr;
};

/// The signals of a run, and who hears of them.
struct Stopping {
  StopNote note;
  std::atomic<bool> is_telling{false};
  StopSignals signals;  // last: its thread hears of all others

  explicit Stopping(bool wants_note) : note(wants_note), signals([this](int signal) { hear(signal); }) {}

  // Before and after the run nobody looks at the signal while a stage's call lasts, or while nobody reads the results.
  void hear(int signal) {
    note.write(signal);
    CallLimits::stop_by(signal);
    if (is_telling) leave_unless_told(signal);
  }

  /// While it lives, what the run has come to is told, and a signal gives that a second; one that came before does, too.
  struct Telling {
    explicit Telling(Stopping& of) : stopping(of) {
      stopping.is_telling = true;
      if (const int signal = stopping.signals.first(); signal != 0)
        limit = std::thread([this, signal] { stopping.leave_unless_told(signal); });
    }
    ~Telling() {
      stopping.is_telling = false;
      if (limit.joinable()) limit.join();
    }
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    Stopping& stopping;
    std::thread limit;
  };

 private:
  void leave_unless_told(int signal) const {
    constexpr std::chrono::milliseconds kSlice{20}, kAll{1000};
    for (auto waited = kSlice; waited <= kAll && is_telling; waited += kSlice) std::this_thread::sleep_for(kSlice);
    if (is_telling) exit_now(128 + signal);
  }
};

// Where epoch lines, summary and prints go: with --json standard output is one object and nothing else.
int lines_descriptor(const CommandOptions& options) { return options.json ? STDERR_FILENO : result_descriptor(); }

ProgressOptions progress_options(const ValidatedGraph& graph, const CommandOptions& options) {
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
void tell_end(const ValidatedGraph& graph, RunReport& report, const CommandOptions& options, double launch_seconds,
              const RunFacts& facts, const Diagnostics& checked, RunOutput& output) {
  if (!options.quiet && graph.ranks.rank == 0)
    output.result(summary(graph, report, checked.warnings().size() + report.warnings.size()));
  if (!options.json || takes_text(STDERR_FILENO)) output.finish();
  if (output.write_error() != 0) tell_lost(report, unwritable(output.write_error()));
  try {
    if (options.json) write_result(run_json(graph, report, launch_seconds, facts, checked));
  } catch (const Error& error) {  // whoever called is to hear of the run's failures all the same
    tell_lost(report, error);
  }
  output.finish();
}

/// How the end of a run is told, whichever way it comes.
struct RunEnd {
  const ValidatedGraph& graph;
  const CommandOptions& options;
  Peers* peers;
  double launch_seconds;
  const RunFacts& facts;
  const Diagnostics& checked;
  RunOutput& output;

  void tell(RunReport& report) const {
    tell_end(graph, report, options, launch_seconds, facts, checked, output);
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

/// While it lives, what a signal is answered with goes where the run's output goes.
class Following {
 public:
  Following(StopNote& note, RunOutput& output) : note_(note) { note_.follow(&output); }
  ~Following() { note_.follow(nullptr); }
  Following(const Following&) = delete;
  Following& operator=(const Following&) = delete;

 private:
  StopNote& note_;
};

/// Shows of a rank other than the first what concerns its rows alone.
class OtherRank final : public RunObserver {
 public:
  OtherRank(int rank, const CommandOptions& options, RunOutput& output)
      : rank_(rank), options_(options), output_(output) {}
  void warning(const RunWarning& warning) override {
    if (!options_.quiet)
      output_.note(fmt::format("rank {}: {}", rank_, warning_note(warning, look_of(STDERR_FILENO, options_.color))));
  }

 private:
  const int rank_;
  const CommandOptions& options_;
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
  run_options.stage_host = "/proc/self/exe";
  run_options.strict = end.options.strict;
  run_options.device_timeout =
      std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(device_timeout_seconds()));
  const Following following(stopping.note, end.output);
  RunReport report = run(graph, run_options);
  progress.finish();
  return report;
}

int check_and_run(const CommandOptions& options, Stopping& stopping, Peers* peers) {
  const std::unique_ptr<CheckedConfig> checked = check_config(options, peers);
  if (!checked->diagnostics.has_errors()) check_memory(checked->graph, checked->diagnostics);
  if (peers != nullptr) {
    if (const int code = agree_on_config(*peers, *checked, options); code != 0) return code;
  } else if (checked->diagnostics.has_errors()) {
    return report_errors(*checked, options);
  }
  RunFacts facts;
  if (peers != nullptr || options.json) facts = facts_of(checked->graph);
  if (peers != nullptr)
    if (const int code = agree_on_data(*peers, checked->graph, facts.data, options); code != 0) return code;
  if (peers != nullptr)
    tell_peer_warnings(*peers, checked->diagnostics, options);
  else
    tell_warnings(checked->diagnostics, options);
  if (options.dry_run) return checked->graph.ranks.rank == 0 ? print_plan(*checked, options) : 0;
  RunOutput output(lines_descriptor(options), STDERR_FILENO);
  const RunEnd end{checked->graph, options, peers, seconds_since_launch(), facts, checked->diagnostics, output};
  RunReport report = run_watched(checked->graph, end, stopping);
  const Stopping::Telling telling(stopping);
  end.tell(report);
  return report.exit_code;
}

/// Tells the other ranks first, then this one's user, why this rank ends.
void tell_failure(const Error& error, const CommandOptions& options, Peers& peers) noexcept {
  try {
    if (error.name() != "peer-lost") peers.failed(printable_line(shortened(error.message(), kMostMessageBytes)));
    Diagnostics found;
    found.add(to_diagnostic(error));
    write_errors(found, options, &peers);
    if (options.json && error.kind() != ErrorKind::output) write_result(errors_json(found));
  } catch (...) {  // the process ends anyhow, by the code of `error`
  }
}

/// One process of several. Only rank 0 writes results, progress and the warnings of the config, which is the same for all.
/// What is thrown is told here, because `leave` may end the process.
int run_among(Peers& peers, CommandOptions options, Stopping& stopping) {
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

}  // namespace

int run_verb(const CommandOptions& options) {
  // For everybody who asks which ranks there are, stages in processes of their own included.
  if (options.alone) ::setenv("MILLRACE_ALONE", "1", 1);  // NOLINT(concurrency-mt-unsafe): no other thread yet
  Stopping stopping(!options.quiet);
  const std::unique_ptr<Peers> peers = open_peers(peer_timeout_seconds());
  return peers ? run_among(*peers, options, stopping) : check_and_run(options, stopping, nullptr);
}

}  // namespace millrace::pipelines
