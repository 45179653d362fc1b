// Reads what a run has left in its folder.
#pragma once

#include "run_record.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace millrace::pipelines {

/// Reads the files of the run's attempt `attempt`, or of the one that `current` names. What is not there or cannot be read is left out. Throws no-run-folder, of
/// kind usage.
RunRecord read_run(const std::string& folder, std::optional<std::int64_t> attempt = {});

}  // namespace millrace::pipelines
