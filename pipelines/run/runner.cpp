// Step 5: one run from its graph to its report.
#include "runner.hpp"

#include "process/crash_line.hpp"
#include "run.hpp"

namespace millrace::pipelines {

RunReport run(ValidatedGraph& graph, const RunOptions& options) {
  const CrashLines crash_lines;
  return Run(graph, options).execute();
}

}  // namespace millrace::pipelines
