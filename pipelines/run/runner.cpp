// Step 5: one run from its graph to its report.
#include "runner.hpp"

#include "crash_line.hpp"
#include "run_state.hpp"

namespace millrace::pipelines {

std::optional<double> reduction_deviation(const RunReport& report) {
  if (report.epochs.empty()) return std::nullopt;
  for (const auto& [name, value] : report.epochs.back().values)
    if (name.ends_with("reduction_deviation")) return value;
  return std::nullopt;
}

RunReport run(ValidatedGraph& graph, const RunOptions& options) {
  const CrashLines crash_lines;
  return Run(graph, options).execute();
}

}  // namespace millrace::pipelines
