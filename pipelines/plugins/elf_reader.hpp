// Reads what a shared object says about itself from its file, before any of its code runs.
#pragma once

#include <millrace/plugin.h>

#include <string>

namespace millrace::pipelines {

/// The note of a plugin. Checks that `path` is a regular file and a complete ELF64 shared object for this machine. Throws
/// Error(plugin): plugin-missing, plugin-not-a-file, plugin-not-elf, plugin-wrong-machine, plugin-truncated, plugin-no-note.
millrace_plugin_note read_plugin_note(const std::string& path);

/// The bytes of a plugin's section MILLRACE_LAYOUT_SECTION; empty when it has none. Throws as read_plugin_note does.
std::string read_plugin_layout(const std::string& path);

}  // namespace millrace::pipelines
