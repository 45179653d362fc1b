// What `run` keeps: a new folder, with all that is known when the run starts.
#pragma once

#include "command/loading/checked_config.hpp"
#include "record/environment/run_info.hpp"
#include "record/kept_run.hpp"

#include <memory>
#include <string>

namespace millrace::pipelines {

/// What checkpoints say of how their models are used.
SafetensorsMetadata uses_of(const CheckedConfig& checked);

/// Makes the run's folder in `runs`, with its config and environment. `config`: as the user named it. Throws Error of kind output, with the ways out as
/// help.
std::unique_ptr<KeptRun> keep_run(const CheckedConfig& checked, const RunInfo& info, const std::string& config,
                                  const std::string& runs);

}  // namespace millrace::pipelines
