// The signals that ask a run to stop.
#pragma once

#include <array>
#include <csignal>

namespace millrace {

/// Each stops the run after the batch, on all ranks; by SIGXCPU batch systems say that time is up.
inline constexpr std::array<int, 7> kStopSignals{SIGINT, SIGTERM, SIGUSR1, SIGHUP, SIGQUIT, SIGUSR2, SIGXCPU};

}  // namespace millrace
