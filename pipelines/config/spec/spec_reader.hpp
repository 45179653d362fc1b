// Step 1: YAML and overrides to a GraphSpec with source locations. The only file that includes yaml-cpp is its source.
#pragma once

#include "graph_spec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// One `--set PATH=VALUE`, or an option that stands for one (`--threads 4` is `threads=4`).
struct Override {
  std::string text;    ///< "epochs=1"
  std::string origin;  ///< "command line, --set #1"
};

/// Reads `path` ("-" is standard input) and everything it extends; applies overrides; expands chains. Every error goes to
/// `diagnostics`; the result is empty when nothing useful could be read. `registry` is used to type the paths of overrides;
/// plugins named by the config must be loaded between `read_document` and `build_spec`.
std::optional<DocNode> read_document(const std::string& path, Diagnostics& diagnostics);
/// Plugins that a document names, so that they can be loaded first.
std::vector<std::string> plugins_of(const DocNode& document);
GraphSpec build_spec(DocNode document, const std::vector<Override>& overrides, const StageRegistry& registry,
                     Diagnostics& diagnostics);

/// Parses one YAML value, as after `--set x=`.
std::optional<DocNode> read_value(std::string_view text, const std::string& origin, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
