// Which libraries and symbols keep a shared object from being loaded: all of them, and in the words of the source.
#pragma once

#include <string>

namespace millrace::pipelines {

/// Asks the loader for each library and symbol that `file` needs; maps those libraries, never `file` itself. Throws
/// Error(plugin): plugin-needs-library or plugin-needs-symbol; returns when everything is there.
void require_resolved(const std::string& file);

}  // namespace millrace::pipelines
