// `--set PATH=VALUE`: edits of the document, typed by the descriptors.
#pragma once

#include "config/document/document.hpp"

#include <string>
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

/// Applies each override in turn. PATH+=VALUE adds to a list; null takes a node, an input, a chain or an item of a list
/// away. Any key that the schema knows may be set, whether it is in the document or not. A path that leads nowhere is
/// reported at the argument.
void apply_overrides(DocNode& document, const std::vector<Override>& overrides, const StageRegistry& registry,
                     Diagnostics& diagnostics);

/// Those that take no node, input, chain or stage of a chain away: what the graph of `document` was before.
std::vector<Override> without_removals(const DocNode& document, const std::vector<Override>& overrides);

}  // namespace millrace::pipelines
