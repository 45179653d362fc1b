// A node that maps packets, one out for one in, on any number of threads.
#pragma once

#include "node_adapter.hpp"

#include <memory>

namespace millrace::pipelines {

/// `node` must outlive it, and has a stage of this kind.
std::unique_ptr<NodeAdapter> make_transform_adapter(ValidatedNode& node, const NodeServices& services);

}  // namespace millrace::pipelines
