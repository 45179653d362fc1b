// Step 5: one run from its graph to its report.
#include "runner.hpp"

#include "process/crash_line.hpp"
#include "run_state.hpp"

#include <utility>

namespace millrace::pipelines {

std::optional<double> reduction_deviation(const RunReport& report) {
  if (report.epochs.empty()) return std::nullopt;
  for (const auto& [name, value] : report.epochs.back().values)
    if (name.ends_with("reduction_deviation")) return value;
  return std::nullopt;
}

WorkInHand NodesAtWork::now() const {
  const std::lock_guard lock(mutex_);
  return ask_ ? ask_() : WorkInHand();
}

void NodesAtWork::follow(Ask ask) {
  const std::lock_guard lock(mutex_);
  ask_ = std::move(ask);
}

RunReport run(ValidatedGraph& graph, const RunOptions& options) {
  const CrashLines crash_lines;
  return Run(graph, options).execute();
}

}  // namespace millrace::pipelines
