// Every path that --set takes for a config, to answer a path that leads nowhere with one that does.
#pragma once

#include "config/document/document.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// "epochs", "learn.optimizer", "learn.optimizer.rmsprop.rho", "learn.model.0.dense.units": keys at the top and parameters of nodes,
/// defaults included; of alternatives those that are chosen. At most 10,000.
std::vector<std::string> settable_paths(const DocNode& document, const StageRegistry& registry);

/// Those of `paths` whose last part is that of `wanted`, or what it is called here, or spelled like it; only the ones inside of the
/// node that `wanted` begins with where there are such. "learn.lr" finds "learn.optimizer.rmsprop.learning_rate".
std::vector<std::string> paths_meant(std::string_view wanted, const std::vector<std::string>& paths);

/// "write --set a.x=1, or --set b.x=1"; empty without paths.
std::string write_set(const std::vector<std::string>& paths, std::string_view value);

}  // namespace millrace::pipelines
