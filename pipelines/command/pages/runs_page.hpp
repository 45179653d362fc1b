// The runs that there are, as a table and as JSON.
#pragma once

#include "record/runs/run_status.hpp"

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A line a run, in 80 columns; a long name has a line of its own.
std::string runs_table(const std::vector<RunStatus>& runs, std::chrono::system_clock::time_point now);

/// {"name", "run", "status", "attempt", "epochs", "epochs_planned", "best", "bytes", "started", "age_s"}, as far as known.
nlohmann::ordered_json run_object(const RunStatus& run, std::chrono::system_clock::time_point now);

/// "40 s", "3 min", "5 h", "2 d".
std::string age_text(std::chrono::seconds age);

}  // namespace millrace::pipelines
