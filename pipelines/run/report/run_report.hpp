// What a run has come to: history, models, failures, and where the time went.
#pragma once

#include "check/graph/validated_graph.hpp"

#include <millrace/device.hpp>
#include <millrace/error.hpp>
#include <millrace/metrics.hpp>
#include <millrace/model.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// What a stage found worth telling while it ran on: once for each node and name.
struct RunWarning : Problem {  ///< as it was told first
  std::string node = {}, stage = {};
  Location where = {};
  std::uint64_t count = 0;  ///< how often the node has told it
};

/// Times are seconds. `busy`: in the stage's code, summed over threads. `starved`: nothing to do. `blocked`: work, but
/// no thread for it; a source's also while it waits for a credit, because those behind it are slower.
struct NodeReport {
  std::string name, stage;
  double busy = 0, starved = 0, blocked = 0;
  std::uint64_t packets = 0;  ///< calls: taken from the inputs (a joined set counts once), or produced by a source
  std::uint64_t emitted = 0;
  std::uint64_t discarded = 0;  ///< packets discarded on purpose, after a signal or a failure
};

/// One failure; several stages may fail at once and all are kept.
struct RunFailure : Problem {
  std::string node = {}, stage = {};
  std::uint32_t epoch = 0;
  std::uint64_t packet = 0;  ///< its place in the order of all packets of the edge, from 0
  std::uint64_t batch = 0;   ///< number of the batch in its epoch, from 1; 0 for what is no batch
  Location where = {};
};

/// A failure of a node, at its place in the config.
RunFailure failure_of_node(std::string node, std::string stage, const Location& where, Problem problem);
RunFailure failure_of_node(const ValidatedNode& node, Problem problem);

/// "node `crop` (stage pad)", for messages and notes.
std::string node_text(std::string_view node, std::string_view stage);

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

/// What a node that judges epochs has come to.
struct EarlyStop {
  std::string node;
  std::string metric;            ///< as the history calls it
  std::uint32_t best_epoch = 0;  ///< 0: no value was finite
  double best_value = 0;
  std::uint32_t patience = 0;
  std::uint32_t decided_at = 0;   ///< the epoch at whose end it was decided that the run ends early; 0: it did not
  std::uint32_t ended_after = 0;  ///< the last epoch of a run that ended early, else 0
  bool is_restored = false;       ///< the model that is reported is that of the best epoch
};

struct RunReport {
  std::vector<Metrics> epochs;
  std::vector<EarlyStop> early_stops;  ///< in the order of their nodes' names
  std::vector<TrainedModel> models;    ///< in the order of the graph
  /// Those of the only trainer; empty where there is none, or several.
  std::string weights_sha256;
  std::shared_ptr<const ModelSnapshot> model;
  std::vector<NodeReport> nodes;
  std::vector<RunFailure> failures;
  std::vector<RunWarning> warnings;    ///< warnings in the order in which they were told first
  std::uint64_t failed_saves = 0;      ///< checkpoints that could not be kept
  std::vector<WidenedBudget> widened;  ///< in the order of the graph
  int exit_code = 0;
  std::string reason = "done";                  ///< "done", "failed", "signal 2"
  std::size_t peak_bytes = 0;                   ///< sum of the high waters of all allocators
  std::size_t device_peak_bytes = 0;            ///< peak of the device's own memory, which is the host's on a CPU
  std::optional<std::size_t> leaked_bytes = 0;  ///< empty where stages are still there
  double seconds = 0, first_batch_seconds = 0;
  std::optional<DeviceTimes> device_times;  ///< empty for a device that keeps no account
};

/// What the run has come to could not be written: a failure, and the exit code unless something had failed before.
void add_lost_output(RunReport& report, const Error& error);

/// The model of a trainer at the end of an epoch from before the run's first, the last of them that is there; null where none is.
using EarlierModel = std::function<std::shared_ptr<const ModelSnapshot>(const std::string& trainer)>;
/// A run that went on and has come to the end of no epoch of its own has the models with which it began.
void add_earlier_models(const ValidatedGraph& graph, const EarlierModel& model_of, RunReport& report);
/// Fills in the model of the only trainer, out of `report.models`.
void take_single_model(const ValidatedGraph& graph, RunReport& report);

/// The last epoch's `reduction_deviation`, by whichever prefix the config gives it; empty without one.
std::optional<double> reduction_deviation(const RunReport& report);

}  // namespace millrace::pipelines
