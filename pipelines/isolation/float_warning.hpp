// The warning of a stage that changes how the processor computes, in the run's own process or in one of its own.
#pragma once

#include <millrace/stage.hpp>

namespace millrace::pipelines {

/// Tells the run "float-environment". What the stage has changed was put back after each call.
void warn_of_changed_floats(RunReporter& of);

}  // namespace millrace::pipelines
