// What is said when a stage ends the program, or never lets it go on.
#pragma once

#include "process/call_limit.hpp"
#include "process/exit_watch.hpp"

namespace millrace::pipelines {

/// Tells it on standard error, as `stage-exits`, and with `json` as one object on standard output, of rank 0 alone.
ExitWatch::Tell exit_teller(bool json);

/// The same for a call that does not return, as `stage-hung`; then ends the process with 75, or with 128 + the signal that it is to
/// stop by.
CallLimits::Tell hung_teller(bool json);

}  // namespace millrace::pipelines
