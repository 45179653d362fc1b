// The process of an isolated stage: makes the stage and does what the run asks, until the run has gone.
#pragma once

#include <millrace/registry.hpp>

#include <functional>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Every stage of a plugin's file.
using EnterPlugin = std::function<std::vector<StageInfo>(const std::string& file)>;

/// `parent`: the process whose end is this one's, too. Returns the exit code. The program must have been started by
/// StageProcess; when it was not, that is said on the standard error.
int serve_stage(long parent, const EnterPlugin& enter_plugin);

}  // namespace millrace::pipelines
