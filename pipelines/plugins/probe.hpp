// Loads a plugin in a process of its own first, so that one that crashes, hangs or exits takes nobody with it.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace millrace::pipelines {

/// How long a plugin may take to register: MILLRACE_PLUGIN_TIMEOUT_MS, or 10 s. Throws Error("wrong-arguments", usage) when
/// the variable is no positive number.
std::chrono::milliseconds probe_limit();

/// Runs `attempt` in a forked process whose standard streams lead nowhere, and ends that process and all it started. Returns when
/// `attempt` returned there; throws what it threw, if that was an Error. Otherwise throws Error(plugin), with the last
/// line that the process wrote to standard error as a note: plugin-crashes (a signal ended it), plugin-exits (it ended
/// itself), plugin-hangs (it was not done within `limit`). Must be called while the process has one thread.
void probe(const std::string& file, std::chrono::milliseconds limit, const std::function<void()>& attempt);

}  // namespace millrace::pipelines
