// The adapter of a node, by the kind of its stage.
#pragma once

#include "node_adapter.hpp"

#include <memory>

namespace millrace::pipelines {

std::unique_ptr<NodeAdapter> make_adapter(ValidatedNode& node, const NodeServices& services);

}  // namespace millrace::pipelines
