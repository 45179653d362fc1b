// What two runs must have in common to be runs of one config.
#pragma once

#include "config/spec/graph_spec.hpp"
#include "validated_graph.hpp"

#include <string>

namespace millrace::pipelines {

/// SHA-256 of everything that decides results: not where a value was written or how (1/4, 0.25, a default), nor threads
/// and budgets, nor the order of nodes.
std::string config_hash(const GraphSpec& spec, const ValidatedGraph& graph);

}  // namespace millrace::pipelines
