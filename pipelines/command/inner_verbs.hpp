// Verbs that no user types: pipeline-run as a process beside another one, for code that may crash or hang.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Serves an isolated stage, tries a plugin or makes a check of test-stage when the arguments say so, and returns the exit
/// code; empty otherwise.
std::optional<int> serve_inner_verb(const std::vector<std::string>& arguments);

}  // namespace millrace::pipelines
