// What is not the same in several runs.
#pragma once

#include "run_record.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// A run and the values of its config by their paths, as `--set` takes them.
struct ComparedRun {
  RunRecord record;
  std::vector<NamedText> config;
};

struct Difference {
  std::string path;
  std::vector<std::string> values;  ///< one of each run; empty: it has none
};

/// The paths whose values are not the same in all of them, in the order in which they come first.
std::vector<Difference> config_differences(const std::vector<ComparedRun>& runs);
/// The same of their environments, without what no two runs have alike: when and how they were started.
std::vector<Difference> environment_differences(const std::vector<ComparedRun>& runs);
/// The metrics of any of them, without times, in the order in which they come first.
std::vector<std::string> metrics_of(const std::vector<ComparedRun>& runs);

/// The metrics of any test set that was looked at, in the order in which they come first.
std::vector<std::string> test_metrics_of(const std::vector<ComparedRun>& runs);
/// "0.0712 (3)": what the last look at the test set has found, and how often there was one; empty without one.
std::string test_cell(const RunRecord& record, const std::string& metric);

/// What a run is called beside a curve: A, B, ... of at most kMostCompared.
char letter_of(std::size_t run);
inline constexpr std::size_t kMostCompared = 26;

}  // namespace millrace::pipelines
