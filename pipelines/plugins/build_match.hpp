// Whether a plugin was built as this program was, so that C++ objects can cross between them.
#pragma once

#include <millrace/plugin.h>

#include <string>

namespace millrace::pipelines {

/// Throws Error(plugin), with the command that mends it: plugin-api-version, plugin-compiler, plugin-standard-library,
/// plugin-sanitizer. Compilers and libraries are compared by family: releases of one family lay objects out alike.
void require_same_build(const std::string& path, const millrace_plugin_note& note);

/// Throws Error("plugin-layout", plugin) when the plugin was compiled against headers whose types are laid out otherwise
/// than here, or against headers that did not tell. `layout`: what read_plugin_layout has found.
void require_same_layout(const std::string& path, const millrace_plugin_note& note, const std::string& layout);

/// What to type in a plugin's folder to build it against this Millrace, with further arguments for CMake.
std::string rebuild_command(const std::string& arguments = {});

}  // namespace millrace::pipelines
