// A slice as part of a command: it runs with the signals, warnings and errors of every run.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "command/options/option.hpp"
#include "diagnostics/diagnostics.hpp"
#include "run/report/active_nodes.hpp"
#include "run/report/capture.hpp"
#include "run/report/run_observer.hpp"
#include "run/report/run_report.hpp"
#include "run/report/state_sink.hpp"

#include <atomic>
#include <functional>
#include <vector>

namespace millrace::pipelines {

/// Prints the errors of a slice, as an object on standard output too with --json, and its warnings. Whether it may be run.
bool tell_checked(const Diagnostics& diagnostics, const VerbOptions& options);

/// What a slice is run with.
struct SliceRun {
  std::vector<Capture> captures;
  std::vector<NodeState> loaded = {};  ///< of a slice that goes on from a checkpoint; those of other nodes are left out
  RunObserver* observer = nullptr;     ///< is told what the slice does; may be null
  bool is_silent = false;              ///< whoever runs it tells with tell_run what is worth it
};

/// What a slice that tells nothing itself is run beside.
struct SliceWatch {
  const std::atomic<int>* stop_signal = nullptr;
  ActiveNodes* at_work = nullptr;
  std::function<void(const RunReport&)> on_hung;  ///< as RunOptions::on_hung
};
RunReport run_watched_slice(ValidatedGraph& slice, SliceRun with, const SliceWatch& watch);

/// Warnings and failures of a run, as an object on standard output too with --json.
void tell_run(const RunReport& report, const VerbOptions& options);

/// What has come of it: exit code, failures, what each node has done.
RunReport run_slice(ValidatedGraph& slice, SliceRun with, const VerbOptions& options);
/// The same where only the code counts.
int run_slice(ValidatedGraph& slice, std::vector<Capture> captures, const VerbOptions& options);

}  // namespace millrace::pipelines
