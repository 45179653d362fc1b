// The node that a stage gives as its own example: parameters and connected inputs to try it with.
#pragma once

#include "diagnostics/diagnostics.hpp"

#include <millrace/registry.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

struct ExampleNode {
  ParamValue params;                ///< checked and complete
  std::vector<std::string> inputs;  ///< ports that the example connects, in its order
};

/// The stage's example; parameters of `with`, a YAML map or empty, replace those of the same name. What is wrong with either goes to
/// `diagnostics`, and the result is not to be used then.
ExampleNode example_node(const StageInfo& info, const std::string& with, const StageRegistry& registry,
                         Diagnostics& diagnostics);

}  // namespace millrace::pipelines
