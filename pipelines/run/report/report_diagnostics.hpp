// What a run tells of itself as a person reads it, at its place in the config.
#pragma once

#include "diagnostics/diagnostics.hpp"
#include "run_report.hpp"

namespace millrace::pipelines {

/// Of severity warning, with the node as a note.
Diagnostic diagnostic_of(const RunWarning& warning);
/// Each failure, with node, epoch and batch as its first note.
Diagnostics failures_of(const RunReport& report);

}  // namespace millrace::pipelines
