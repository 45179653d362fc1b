// A slice as part of a command: it runs with the signals, warnings and errors of every run.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "command/options/option.hpp"
#include "diagnostics/diagnostics.hpp"
#include "run/report/capture.hpp"

#include <vector>

namespace millrace::pipelines {

/// Prints the errors of a slice, as an object on standard output too with --json, and its warnings. Whether it may be run.
bool tell_checked(const Diagnostics& diagnostics, const VerbOptions& options);

/// Runs a slice. What goes wrong is told, as an object on standard output too with --json. Returns the exit code.
int run_slice(ValidatedGraph& slice, std::vector<Capture> captures, const VerbOptions& options);

}  // namespace millrace::pipelines
