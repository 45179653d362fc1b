// What is said when a stage ends the program.
#pragma once

#include "process/exit_watch.hpp"

namespace millrace::pipelines {

/// Tells it on standard error, as `stage-exits`, and with `json` as one object on standard output, of rank 0 alone.
ExitWatch::Tell exit_teller(bool json);

}  // namespace millrace::pipelines
