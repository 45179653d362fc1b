// Runs are removed: only what a run folder is, and only where nobody uses it.
#pragma once

#include <string>

namespace millrace::pipelines {

/// Removes it with all that lies in it. Links are removed, never followed. Throws Error: no-run-folder (usage); run-in-use, output-unwritable (output). What is
/// left when it fails or is killed can be removed again.
void remove_run(const std::string& folder);

}  // namespace millrace::pipelines
