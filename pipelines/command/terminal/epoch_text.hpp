// What is said of an epoch, in lines that fit a terminal.
#pragma once

#include "run/report/run_observer.hpp"
#include "terminal.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Trainers that are at work on an epoch, in the order of the graph.
struct EpochSteps {
  struct Trainer {
    std::string node;
    StepProgress progress;
  };
  std::uint32_t epoch = 0, epochs = 0;
  std::vector<Trainer> trainers;
  bool name_nodes = false;       ///< the run has several trainers, so each value says whose it is
  std::uint32_t validating = 0;  ///< the epoch whose model is being measured; 0 for none
};

/// One line of at most `style.columns` - 1 columns. What has no room is left out, the loss last.
std::string live_line(const EpochSteps& steps, const TerminalStyle& style);

/// The line of an epoch that is over, with its newline. `steps` is empty where nothing was trained; `limit` is "learn 96%" or
/// "". On a terminal no line is longer than it: what is not a metric is left out, then the metrics go on in a second line.
std::string epoch_line(const Metrics& metrics, const EpochSteps& steps, const std::string& limit,
                       const TerminalStyle& style);

}  // namespace millrace::pipelines
