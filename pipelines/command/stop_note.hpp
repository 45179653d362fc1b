// What a first signal is answered with.
#pragma once

#include "run/runner.hpp"

#include <string>

namespace millrace::pipelines {

/// A line: the signal, and what the run still waits for.
std::string stop_note_text(int signal, const WorkInHand& work);

}  // namespace millrace::pipelines
