// How long a run waits for what is not its own, from the environment.
#pragma once

#include <chrono>

namespace millrace::pipelines {

/// Seconds that one rank may keep the others waiting: MILLRACE_PEER_TIMEOUT, or 60. Throws Error("wrong-arguments", usage).
double peer_timeout_seconds();

/// Seconds that a device may take over a piece of work: MILLRACE_DEVICE_TIMEOUT, or 60. Throws as above.
double device_timeout_seconds();

/// How long a plugin may take to register its stages: MILLRACE_PLUGIN_TIMEOUT_MS, or 10 s. Throws as above.
std::chrono::milliseconds plugin_timeout();

}  // namespace millrace::pipelines
