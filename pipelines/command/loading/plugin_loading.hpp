// What is said while plugins are tried and loaded.
#pragma once

#include "diagnostics/diagnostics.hpp"
#include "plugins/probe.hpp"

namespace millrace::pipelines {

/// Tells on standard error which plugin is waited for, when that takes more than a second.
PluginTrial waiting_trial();

/// And adds warnings to `to`: plugin-starts-threads, plugin-changes-floats, at the place that names the plugin. `to` outlives it.
PluginTrial warning_trial(Diagnostics& to, const Location& where = {});

}  // namespace millrace::pipelines
