// The plugins of the command line, and what is said while plugins are tried and loaded.
#pragma once

#include "diagnostics/diagnostics.hpp"
#include "plugins/probe.hpp"

#include <millrace/registry.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Tells on standard error which plugin is waited for, when that takes more than a second.
PluginTrial waiting_trial();

/// And adds warnings to `to`: plugin-starts-threads, plugin-changes-floats, at the place that names the plugin. `to` outlives it.
PluginTrial warning_trial(Diagnostics& to, const Location& where = {});

/// Loads the built-in plugin and those of `--plugin`. Throws Error(plugin).
void load_plugins(const std::vector<std::string>& plugins, StageRegistry& registry,
                  const PluginTrial& trial = waiting_trial());

}  // namespace millrace::pipelines
