// Every path that --set takes for a config, to answer a path that leads nowhere with one that does.
#pragma once

#include "config/document/document.hpp"

#include <millrace/param.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// A place of a config. It is good as long as the document and the stages of which it was made.
struct SettablePath {
  std::string path;
  const ParamType* type = nullptr;  ///< null: whatever one likes
  const DocNode* value = nullptr;   ///< the value as written; null where a default holds
};

/// "epochs", "learn.optimizer", "learn.optimizer.rmsprop.rho", "learn.model.0.dense.units": keys at the top and parameters of nodes,
/// defaults included; of alternatives those that are chosen. At most 10,000.
std::vector<SettablePath> settable_paths(const DocNode& document, const StageRegistry& registry);

/// Those of `paths` whose last part is that of `wanted`, or what it is called here, or spelled like it; only the ones inside of the
/// node that `wanted` begins with where there are such. "learn.lr" finds "learn.optimizer.rmsprop.learning_rate".
std::vector<SettablePath> paths_meant(std::string_view wanted, const std::vector<SettablePath>& paths);

/// "write --set a.x=1, or --set b.x=1", for those that take the value, which may want brackets; where none does, what they take.
/// Empty without paths.
std::string write_set(const std::vector<SettablePath>& paths, std::string_view value);

/// What to write for `wanted=value`, which leads nowhere: the paths that it may mean, or the list of which it names a kind of item,
/// such as a layer. Empty when it is like nothing of the config.
std::string set_meant(std::string_view wanted, std::string_view value, const DocNode& document,
                      const StageRegistry& registry);

}  // namespace millrace::pipelines
