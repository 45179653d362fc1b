// Runs are removed: only what a run folder is, and only where nobody uses it.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Removes all that a run has in its folder, and the folder when nothing else lies in it: the names of what does are returned, and it stays. Links are
/// removed, never followed. Throws Error: no-run-folder (usage); run-in-use, output-unwritable (output). What is
/// left when it fails or is killed can be removed again.
std::vector<std::string> remove_run(const std::string& folder);

/// The names of what remove_run would leave in the folder. Throws Error("output-unwritable", output) where it cannot be looked into.
std::vector<std::string> foreign_in_run(const std::string& folder);

}  // namespace millrace::pipelines
