// What `run` keeps: the folder at the start of a run, its summary at the end.
#pragma once

#include "command/loading/checked_config.hpp"
#include "record/environment/run_info.hpp"
#include "record/run_recorder.hpp"
#include "run/report/run_report.hpp"

#include <functional>
#include <memory>
#include <string>

namespace millrace::pipelines {

/// Makes the run's folder in `runs`, with its config and environment, and opens journal and log. `config`: as the user named it. Throws Error of kind output, with the ways out as help.
std::unique_ptr<RunRecorder> keep_run(const CheckedConfig& checked, const RunInfo& info, const std::string& config,
                                      const std::string& runs);

/// Writes down how it ended: the journal is closed, failures are in the log, and `json()`, which is what `--json` prints, with a status is the summary.
/// What cannot be written is one of the report's failures. Any thread, once.
void keep_end(RunRecorder& recorder, RunReport& report, const std::function<std::string()>& json);

}  // namespace millrace::pipelines
