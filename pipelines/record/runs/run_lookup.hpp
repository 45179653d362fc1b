// Which runs there are, and which one a word names.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

/// The one that was started last.
inline constexpr const char* kLastRun = "last";

/// The run folders in `runs`, the one started last first; none where that is not there. Throws Error("runs-unreadable", data).
std::vector<std::string> runs_in(const std::string& runs);

/// The folder of the run that `given` names, without a slash behind it: `last`, which is one that has said when it was started; a run in `runs` by its name; or a folder. Throws Error of kind usage: unknown-run with the names that may
/// be meant, no-run-folder for a folder of something else.
std::string find_run(const std::string& given, const std::string& runs);

}  // namespace millrace::pipelines
