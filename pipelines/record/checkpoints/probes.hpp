// The loss of the step behind each checkpoint, by which a run that goes on from it notices that it is another one.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run/report/state_sink.hpp"

#include <millrace/files/checkpoint.hpp>
#include <millrace/files/journal_line.hpp>
#include <millrace/metrics.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace millrace::pipelines {

/// Of the only trainer of a run that has one, alone and on the host: a device tells of steps when they are done, and a rank's loss is that of its
/// rows. Of any other run nothing is written or compared. Any thread.
class Probes {
 public:
  /// Appends a line without waiting for a disk; false where that would be necessary now.
  using Append = std::function<bool(const JournalLine&)>;
  /// `expected`: of the step with which the run goes on, where the journal has it.
  Probes(const ValidatedGraph& graph, std::int64_t attempt, Append append, std::optional<double> expected);

  /// A state was taken that may become a checkpoint.
  void taken(const std::string& node, const StatePosition& at);
  /// The checkpoint is on the disk: its line is written as soon as the step behind it is known.
  void written(const CheckpointPosition& at);
  /// A trainer has made a step. Throws Error("resume-diverges", data) at the first one, where it does not give the loss that is expected.
  void step(const std::string& node, const StepProgress& progress);

 private:
  void compare(const StepProgress& progress);
  void flush();

  const std::string trainer_;  ///< empty: there is nothing to be done
  const std::int64_t attempt_;
  const Append append_;
  std::atomic<bool> is_wanted_;  ///< a step means anything; what decides it is below

  std::mutex mutex_;  // of what follows
  std::optional<double> expected_;
  std::optional<JournalPosition> awaited_, written_;
  std::map<JournalPosition, double>
      losses_;  ///< of steps behind states of which nobody knows yet whether they are written
};

inline constexpr const char* kProbeLine =
    "probe";  ///< at the place of a checkpoint's line: the loss of the step behind it
/// Nothing for a line of another kind.
std::optional<double> probe_of(const JournalLine& line);

}  // namespace millrace::pipelines
