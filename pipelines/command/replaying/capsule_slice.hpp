// A failure capsule as a graph: its one stage, behind what was recorded.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"
#include "record/capsules/capsule.hpp"

#include <millrace/registry.hpp>

#include <string>

namespace millrace::pipelines {

/// The graph of the capsule in `folder`, from the root, for the stages of `registry`, which gets the source of what was recorded. It is on one thread, in the epoch of the
/// call, and draws what was drawn. Invalid where `diagnostics` gets errors.
ValidatedGraph capsule_slice(const Capsule& capsule, const std::string& folder, StageRegistry& registry,
                             Diagnostics& diagnostics);

}  // namespace millrace::pipelines
