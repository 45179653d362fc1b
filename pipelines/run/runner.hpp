// Step 5: start the graph, watch for signals, wait, account for every packet, report.
#pragma once

#include "run_options.hpp"

namespace millrace::pipelines {

/// Runs a validated graph to its end. Blocks. Never throws for a failing stage: that is in the report. The stages of
/// `graph` are used up.
RunReport run(ValidatedGraph& graph, const RunOptions& options);

}  // namespace millrace::pipelines
