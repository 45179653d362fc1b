// pipeline-run as the process of an isolated stage: a verb that no user types.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Serves a stage when the arguments are those of such a process, and returns its exit code; empty otherwise.
std::optional<int> serve_hosted_stage(const std::vector<std::string>& arguments);

}  // namespace millrace::pipelines
