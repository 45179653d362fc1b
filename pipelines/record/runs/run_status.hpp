// What has become of a run, as its files tell.
#pragma once

#include "record/environment/environment.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

enum class RunState : std::uint8_t {
  running,      ///< a process holds its claim
  finished,     ///< all epochs are done
  stopped,      ///< by a signal
  failed,       ///< it, or what it should have written
  interrupted,  ///< nobody holds it, and nobody has said how it ended
};
/// "running", ...
const char* name_of(RunState state);

/// A metric at its best, and the epoch of it.
struct BestValue {
  std::string name;
  double value = 0;
  std::uint32_t epoch = 0;
};

struct RunStatus {
  std::string folder;  ///< as asked
  std::string name;    ///< of the folder: "mnist_mlp-3"
  RunState state = RunState::interrupted;
  std::int64_t attempt = 0;                                      ///< the highest
  std::optional<std::chrono::system_clock::time_point> started;  ///< the attempt that `current` names
  std::optional<std::uint32_t> epochs_planned;
  std::uint32_t epochs_done = 0;  ///< the last epoch of the journal
  std::optional<BestValue> best;  ///< of the monitored metric, else of compared_metric
  std::uint64_t bytes = 0;        ///< of all files in the folder
  std::size_t tests = 0;          ///< looks at the test set
  std::vector<std::string> damages =
      {};  ///< what of its journal or ledger cannot be read, though it was written: a sentence each
};

/// When the attempt that `current` names was started; nothing where nobody has written that.
std::optional<std::chrono::system_clock::time_point> started_at(const std::string& folder);

/// Looks at the folder's files and leaves them as they are. What cannot be read is left out. Throws no-run-folder, of kind usage.
RunStatus status_of(const std::string& folder);

/// What the run's `keep: {monitor: ...}` says, as its environment.json has it.
Monitor kept_monitor(const std::string& folder);

/// Of the metrics of an epoch the one by which runs are compared that monitor none: `val_loss`, else a validation loss with a prefix, else a loss; less
/// is better. Empty without one.
std::string compared_metric(const std::vector<std::string>& names);

}  // namespace millrace::pipelines
