// Whether a descriptor says all that pages, checks and editors take from it.
#pragma once

#include <millrace/registry.hpp>

namespace millrace::pipelines {

/// Throws Error("plugin-descriptor", plugin) that names the stage and the first thing wrong with it: a name that no config could
/// hold, no summary, no example of the stage itself, a port or parameter without a sentence or declared twice, a default
/// that its own type refuses, no output and no input.
void check_descriptor(const StageInfo& info);

}  // namespace millrace::pipelines
