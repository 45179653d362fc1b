// One of two kept runs that are compared, computed once more as far as that needs.
#pragma once

#include "command/training/past_states.hpp"
#include "epoch_trace.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// A row as it passed at an output.
struct SeenRow {
  std::uint64_t id = 0;
  std::vector<std::pair<std::string, std::vector<double>>> fields;
};

class ComparedRun {
 public:
  /// `folder`: from the root. Throws what become_past_run throws; Error("run-invalid", config) where its config is none any more.
  ComparedRun(std::string folder, const ConfigOptions& options);

  const std::string& folder() const { return folder_; }
  /// Runs everything but what gives nothing, up to the end of `epoch`. Throws Error("diff-failed", run) where that fails.
  EpochTrace trace(std::uint32_t epoch);
  /// The row of an output that gives rows; nothing where there is none.
  std::optional<SeenRow> row(std::uint32_t epoch, const OutputName& output, std::uint64_t row);
  /// From where the last of these was computed.
  const std::string& place() const { return place_; }

 private:
  void run(std::uint32_t epoch, const std::vector<OutputName>& outputs, std::vector<Capture> captures,
           RunObserver* observer);
  std::vector<OutputName> readable_outputs() const;

  std::string folder_;
  const ConfigOptions& options_;
  std::unique_ptr<CheckedConfig> checked_;
  std::string place_;
};

}  // namespace millrace::pipelines
