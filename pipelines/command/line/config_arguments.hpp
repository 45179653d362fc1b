// The target and the options that all verbs with a config share; their options derive from ConfigOptions.
#pragma once

#include "command/options/verb.hpp"

#include <vector>

namespace millrace::pipelines {

/// A file, the name of a config that comes with Millrace, or "-". Throws Error("unknown-config", usage).
Target config_target();

/// --set, --strict, --threads and --device, then `own`, then --plugin, --no-plugins and --strict-paths.
std::vector<Option> config_options(const std::vector<Option>& own);

/// --plugin, for PluginOptions.
Option plugin_option();

/// --threads, for ConfigOptions.
Option threads_option();

/// --set, for ConfigOptions.
Option set_option();

}  // namespace millrace::pipelines
