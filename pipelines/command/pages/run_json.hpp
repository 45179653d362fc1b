// What `--json` prints for a run and for a config that cannot run. Schema 1; keys are only ever added.
#pragma once

#include "diagnostics/diagnostics.hpp"
#include "record/environment/run_info.hpp"
#include "run/report/run_report.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace millrace::pipelines {

/// One object and a newline. `warnings` holds those of `checked` and of the run. `launch_seconds`: from the start of the process to the start of the run.
/// Metrics that were not measured are absent keys; what is not finite is a failure. `run`: the folder that the run is kept in; empty: none.
std::string run_json(const ValidatedGraph& graph, const RunReport& report, double launch_seconds,
                     const RunInfo& info = {}, const Diagnostics& checked = {}, const std::string& run = {});
/// {"schema":1,"errors":[...],"warnings":[...],"exit":{"code":3,"reason":"invalid"}}.
std::string errors_json(const Diagnostics& diagnostics);
/// The same, with "plugins" behind the errors: loaded_plugins_json(), or null. `signal`: the one by which the program ends, or 0.
std::string errors_json(const Diagnostics& diagnostics, const nlohmann::ordered_json& plugins, int signal = 0);

}  // namespace millrace::pipelines
