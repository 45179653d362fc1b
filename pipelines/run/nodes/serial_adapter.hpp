// A node that takes packets one at a time, in order, and may emit any number.
#pragma once

#include "node_adapter.hpp"

#include <memory>

namespace millrace::pipelines {

/// `node` must outlive it, and has a stage of this kind.
std::unique_ptr<NodeAdapter> make_serial_adapter(ValidatedNode& node, const NodeServices& services);

}  // namespace millrace::pipelines
