// A slice as part of a command: it runs with the signals, warnings and errors of every run.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "command/options/option.hpp"
#include "diagnostics/diagnostics.hpp"
#include "run/report/active_nodes.hpp"
#include "run/report/capture.hpp"
#include "run/report/run_report.hpp"

#include <atomic>
#include <functional>
#include <vector>

namespace millrace::pipelines {

/// Prints the errors of a slice, as an object on standard output too with --json, and its warnings. Whether it may be run.
bool tell_checked(const Diagnostics& diagnostics, const VerbOptions& options);

/// What a slice that tells nothing itself is run beside.
struct SliceWatch {
  const std::atomic<int>* stop_signal = nullptr;
  ActiveNodes* at_work = nullptr;
  std::function<void(const RunReport&)> on_hung;  ///< as RunOptions::on_hung
};
RunReport run_watched_slice(ValidatedGraph& slice, std::vector<Capture> captures, const SliceWatch& watch);

/// Runs a slice. What goes wrong is told, as an object on standard output too with --json. Returns the exit code.
int run_slice(ValidatedGraph& slice, std::vector<Capture> captures, const VerbOptions& options);

}  // namespace millrace::pipelines
