// The nodes of a document: chains expanded, references resolved.
#pragma once

#include "graph_spec.hpp"

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// Reads `chains` and `graph` of a document into `spec.nodes`, chains expanded. A node that cannot be used further has an
/// empty `stage`: what is wrong with it has been reported.
/// `registry` is asked only for what help can name.
void read_nodes(const DocNode& document, const StageRegistry& registry, GraphSpec& spec, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
