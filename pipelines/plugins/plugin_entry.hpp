// Into a plugin's code: from a file that was checked to the stages it registers.
#pragma once

#include <millrace/registry.hpp>

#include <atomic>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Maps `file` (an absolute path), calls its entry point and lets it register; every stage bears the file. Never unmaps:
/// stages' code and types must outlive every run. What its code does to the thread's floating-point settings is undone;
/// `changes_floats`, when given, becomes true if it did. Throws Error(plugin): plugin-needs-library, plugin-needs-symbol,
/// plugin-load-failed, plugin-no-entry, plugin-api-version, plugin-throws, plugin-empty, duplicate-stage,
/// reserved-parameter.
std::vector<StageInfo> enter_plugin(const std::string& file, std::atomic<bool>* changes_floats = nullptr);

}  // namespace millrace::pipelines
