// A node that produces: one call of produce for each credit.
#pragma once

#include "node_adapter.hpp"

#include <memory>

namespace millrace::pipelines {

/// `node` must outlive it, and has a stage of this kind.
std::unique_ptr<NodeAdapter> make_source_adapter(ValidatedNode& node, const NodeServices& services);

}  // namespace millrace::pipelines
