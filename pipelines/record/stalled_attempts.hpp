// Attempts at a run that ended as if they were to be tried again, and had got nowhere.
#pragma once

#include <cstdint>
#include <string>

namespace millrace::pipelines {

/// After so many in a row nothing is gained by one more.
inline constexpr int kMostStalledAttempts = 3;

/// How many attempts in a row, `attempt` being the last of them, have written no checkpoint: this one, whatever its end, and those before it that ended as
/// ErrorKind::stalled. `folder`: the run's.
int stalled_attempts(const std::string& folder, std::int64_t attempt);

}  // namespace millrace::pipelines
