// `pipeline-run stages NAME --why`: where a stage was looked for, in order, and each plugin that was refused.
#pragma once

#include "command/line/command.hpp"

namespace millrace::pipelines {

/// Prints the page, or one object with --json. Returns 0 when the stage is there, 6 when it is not.
int why_page(const CommandOptions& options);

}  // namespace millrace::pipelines
