// Configs as tests write them down, against the built-in stages and those that a test adds.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "config/spec/overrides.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Every stage of the built-in plugin, linked into the test.
const StageRegistry& built_in_stages();

/// Reading, overrides and every check, as pipeline-run does them. The result may be run only when `diagnostics` stayed
/// empty.
ValidatedGraph load_graph(const std::string& path, const std::vector<Override>& overrides,
                          const StageRegistry& registry, Diagnostics& diagnostics, const RankInfo& ranks = {});

/// A graph without errors, from a config file; the test fails with the diagnostics otherwise.
ValidatedGraph graph_of(const std::string& path, const std::vector<std::string>& sets = {},
                        const StageRegistry& registry = built_in_stages());

/// The same from the text of a config.
ValidatedGraph graph_of_text(const std::string& text, const std::vector<std::string>& sets = {},
                             const StageRegistry& registry = built_in_stages());

}  // namespace millrace::pipelines
