// Step 2: shared objects to a registry. The only file that includes dlfcn is its source.
#pragma once

#include <millrace/registry.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Checks a plugin's ELF header, note, API version, compiler and sanitizer before any of its code runs, then loads and
/// registers it. Loading a file a second time does nothing. Never unloads. Throws Error(plugin).
void load_plugin(const std::string& path, StageRegistry& registry);

/// Path of the built-in stages: beside the executable in the build tree, or in the installation's plugin folder.
std::string builtin_plugin_path();

}  // namespace millrace::pipelines
