// A source that sends once what a failure capsule has recorded.
#pragma once

#include "record/capsules/capsule.hpp"

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

/// Its name, which no config can have, as a stage and as a node.
inline constexpr const char* kRecorded = "(recorded)";

/// Adds the stage to a registry, with an output for each input of `capsule`. A node of it takes the parameter `capsule`, its folder. In an epoch it sends the recorded
/// packet, and behind one that was not the last of its epoch another without rows.
void add_recorded_source(const Capsule& capsule, StageRegistry& registry);

}  // namespace millrace::pipelines
