// An observer is told what a run does while it lasts.
#pragma once

#include "row_account.hpp"
#include "run_report.hpp"

#include <map>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// What a run tells while it lasts. Called from any thread, never from two at once; quick.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Where the trainer `node` stands.
  virtual void step(const std::string& /*node*/, const StepProgress&) {}
  /// Metrics of an epoch as they stand, in the order of the graph; called again when more values of the same epoch arrive.
  /// `complete`: nothing of this epoch is under way any more.
  virtual void epoch(const Metrics&, bool /*complete*/) {}
  /// Which rows trainers and evaluators have taken in an epoch, by node, over all ranks; called just before the epoch is complete.
  virtual void rows(std::uint32_t /*epoch*/, const std::map<std::string, RowAccount>& /*by_node*/) {}
  /// What nodes print in an epoch, in the order of the graph, when it has ended; a line with the node's name before it where
  /// several have printed.
  virtual void print(std::string_view /*text*/) {}
  /// A node tells it for the first time.
  virtual void warning(const RunWarning&) {}
  /// Something has failed in an epoch, and epochs before it are still under way: the run ends when these have. At most once.
  virtual void ending(const RunFailure&) {}
  /// Seconds each node has spent in its stage's code so far; called just before an epoch is complete.
  virtual void busy(const std::map<std::string, double>& /*seconds_by_node*/) {}
  /// The run is over, or waits for a stage that may never return: what was held back is shown. May come more than once.
  virtual void finish() {}
};

}  // namespace millrace::pipelines
