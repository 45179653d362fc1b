// What else has to go when the command line takes a node away.
#pragma once

#include "config/spec/graph_spec.hpp"
#include "config/spec/overrides.hpp"

#include <millrace/registry.hpp>

#include <vector>

namespace millrace::pipelines {

/// An `unknown-node` that comes of `--set NODE=null` gets as help the further --set with which the rest of the graph is whole: nodes
/// whose inputs are gone, and single inputs of those that can do without. Other diagnostics stay.
Diagnostics with_removal_help(const Diagnostics& found, const GraphSpec& spec, const std::vector<Override>& overrides,
                              const StageRegistry& registry);

}  // namespace millrace::pipelines
