// `pipeline-run stages NAME --why`: where a stage was looked for, in order, and each plugin that was refused.
#pragma once

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Prints the page, or one object with `json`; `plugins` are those of --plugin. Returns 0 when the stage is there,
/// else 6 when a plugin was refused, which may have brought it, and 2, as for any unknown name, when none was.
int report_plugin_search(const std::string& stage, const std::vector<std::string>& plugins, bool json);

}  // namespace millrace::pipelines
