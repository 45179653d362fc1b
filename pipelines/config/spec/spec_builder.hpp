// Step 1: a document and overrides to a GraphSpec with source locations.
#pragma once

#include "graph_spec.hpp"
#include "overrides.hpp"

#include <vector>

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// Applies overrides, expands chains, resolves references. Every error goes to `diagnostics`. `registry` is used to type the
/// paths of overrides; plugins named by the config must have been loaded.
GraphSpec build_spec(DocNode document, const std::vector<Override>& overrides, const StageRegistry& registry,
                     Diagnostics& diagnostics);

}  // namespace millrace::pipelines
