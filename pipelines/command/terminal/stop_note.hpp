// What a first signal is answered with.
#pragma once

#include "run/report/active_nodes.hpp"

#include <string>

namespace millrace::pipelines {

/// A line: the signal, and what the run still waits for.
std::string stop_note_text(int signal, const PendingWork& work);
/// Before a run begins and after its end: the signal, and the stage's call that another thread is in.
std::string early_stop_note_text(int signal);

}  // namespace millrace::pipelines
