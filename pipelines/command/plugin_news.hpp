// What is said while plugins are tried.
#pragma once

#include "plugins/probe.hpp"

namespace millrace::pipelines {

/// Tells on standard error which plugin is waited for, when that takes more than a second.
PluginTrial told_trial();

}  // namespace millrace::pipelines
