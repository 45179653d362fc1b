// Step 5: start the graph, watch for signals, wait, account for every packet, report.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/device.hpp>
#include <millrace/metrics.hpp>
#include <millrace/peers.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// What a stage found worth telling while it ran on: once for each node and name.
struct RunWarning {
  std::string name, message, help;  ///< as it was told first
  std::string node, stage;
  Location where;
  std::uint64_t count = 0;  ///< how often the node has told it
};

struct RunFailure;

/// What a run tells while it lasts. Called from any thread, never from two at once; quick.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Where the trainer `node` stands.
  virtual void step(const std::string& /*node*/, const StepProgress&) {}
  /// Metrics of an epoch as they stand, in the order of the graph; called again when more values of the same epoch arrive.
  /// `complete`: nothing of this epoch is under way any more.
  virtual void epoch(const Metrics&, bool /*complete*/) {}
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

/// What a run waits for: names of nodes, in the order of the graph.
struct WorkInHand {
  std::vector<std::string> called;  ///< their stage has been called and has not returned
  std::vector<std::string>
      on_device;  ///< others, which keep what the device works on, or go on when it has done something
};

/// Which nodes are at work while a run lasts, for whoever waits for it. Safe from any thread, and never asks the device.
class NodesAtWork {
 public:
  using Ask = std::function<WorkInHand()>;
  /// Nothing before and after the run.
  WorkInHand now() const;
  /// For the run: whom to ask; nobody once this has returned with null.
  void follow(Ask ask);

 private:
  mutable std::mutex mutex_;
  Ask ask_;
};

struct RunReport;

struct RunOptions {
  RunObserver* observer = nullptr;
  /// Set from outside to n to stop after the batch in hand with exit code 128+n. May be null.
  const std::atomic<int>* stop_signal = nullptr;
  /// A device that has work and gets none of it done for this long is given up: Error("device-hung", stalled).
  std::chrono::milliseconds device_timeout{60'000};
  /// The other processes of the run, or null. With peers it is they who watch for the signal and agree to stop.
  Peers* peers = nullptr;
  /// Tells who is at work while the run lasts. May be null.
  NodesAtWork* at_work = nullptr;
  /// A call has lasted longer than its node allows, and may never return: told what the run has come to, on a thread of its own
  /// while everything else goes on. Whoever must not wait ends the process here. May be empty.
  std::function<void(RunReport)> on_hung;
  /// The program that serves stages in processes of their own: pipeline-run. Empty: no node can be isolated.
  std::string stage_host;
  /// A warning of a stage is a failure.
  bool strict = false;
};

/// Times are seconds. `busy`: in the stage's code, summed over threads. `starved`: nothing to do. `blocked`: work, but
/// no thread for it; a source's also while it waits for a permit, because those behind it are slower.
struct NodeReport {
  std::string name, stage;
  double busy = 0, starved = 0, blocked = 0;
  std::uint64_t packets = 0;  ///< calls: taken from the inputs (a joined set counts once), or produced by a source
  std::uint64_t emitted = 0;
  std::uint64_t discarded = 0;  ///< on purpose, after a signal or a failure
};

/// One failure; several stages may fail at once and all are kept.
struct RunFailure {
  ErrorKind kind;
  std::string name, message, help;
  std::vector<std::string> notes;
  std::string node, stage;
  std::uint32_t epoch = 0;
  std::uint64_t packet = 0;  ///< its place in the order of all packets of the edge, from 0
  std::uint64_t batch = 0;   ///< of the epoch, from 1; 0 for what is no batch
  Location where;
};

/// The last model of a node whose weights are all finite.
struct TrainedModel {
  std::string node;
  std::shared_ptr<const ModelSnapshot> model;
};

/// A source whose budget was too small for what is downstream: stages that drop rows, or blocks smaller than declared.
struct WidenedBudget {
  std::string node;
  std::int64_t planned = 0, blocks = 0;  ///< blocks that might be alive at first, and in the end
};

struct RunReport {
  std::vector<Metrics> epochs;
  std::vector<TrainedModel> models;  ///< in the order of the graph
  /// Those of the only trainer; empty where there is none, or several.
  std::string weights_sha256;
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<NodeReport> nodes;
  std::vector<RunFailure> failures;
  std::vector<RunWarning> warnings;    ///< in the order in which they were told first
  std::vector<WidenedBudget> widened;  ///< in the order of the graph
  int exit_code = 0;
  std::string reason = "done";                  ///< "done", "failed", "signal 2"
  std::size_t peak_bytes = 0;                   ///< sum of the high waters of all allocators
  std::size_t device_peak_bytes = 0;            ///< of the device's own memory, which is the host's on a CPU
  std::optional<std::size_t> leaked_bytes = 0;  ///< empty where stages are still there
  double seconds = 0, first_batch_seconds = 0;
  std::optional<DeviceTimes> device_times;  ///< empty for a device that keeps no account
};

/// The last epoch's `reduction_deviation`, by whichever prefix the config gives it; empty without one.
std::optional<double> reduction_deviation(const RunReport& report);

/// Runs a validated graph to its end. Blocks. Never throws for a failing stage: that is in the report. The stages of
/// `graph` are used up.
RunReport run(ValidatedGraph& graph, const RunOptions& options);

}  // namespace millrace::pipelines
