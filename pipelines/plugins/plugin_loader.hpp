// Step 2: shared objects to a registry, one plugin at a time.
#pragma once

#include "probe.hpp"

#include <millrace/registry.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Checks who could have written a plugin's file, then the file, its note and build before any of its code runs, then loads it
/// in a process of its own, and only when it and its descriptors are sound there, here; all of its stages are registered, or none. Loading a file a second time,
/// under whatever name, does nothing. Never unloads. Returns the names of its stages. Throws Error(plugin):
/// see plugin_trust.hpp, elf_reader.hpp, build_match.hpp, probe.hpp, plugin_entry.hpp and descriptor_check.hpp.
std::vector<std::string> load_plugin(const std::string& path, StageRegistry& registry, const PluginTrial& trial = {});

/// The same of a file (an absolute path) that has been tried already.
std::vector<std::string> load_tried_plugin(const std::string& file, StageRegistry& registry,
                                           const PluginTrial& trial = {});

/// The same for the built-in stages, which are of this very build and need no probe.
std::vector<std::string> load_builtin_plugin(StageRegistry& registry);

/// Path of the built-in stages: beside the executable in the build tree, or in the installation's plugin folder.
std::string builtin_plugin_path();

}  // namespace millrace::pipelines
