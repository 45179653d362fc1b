// A config file to a graph that may be run: reading, overrides, plugins and every check, in one call.
#pragma once

#include "config/spec_reader.hpp"
#include "validated_graph.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// The result may be run only when `diagnostics` stayed empty. Plugins that the config names must be in `registry`.
ValidatedGraph load_graph(const std::string& path, const std::vector<Override>& overrides,
                          const StageRegistry& registry, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
