// Help that needs the whole config: where a key belongs that stands where nobody reads it, and which errors are one slip.
#pragma once

#include "config/spec/graph_spec.hpp"
#include "diagnostics/diagnostics.hpp"

#include <vector>

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// Unknown keys and parameters of a file that nothing near is called like: their help begins with the path that `--set` names.
/// `document` has all defaults.
Diagnostics with_places(const Diagnostics& found, const DocNode& document, const StageRegistry& registry);

/// A list without dashes is a map in which kinds of items are written twice: without those errors.
Diagnostics without_missing_dashes(const Diagnostics& found, const DocNode& document);

}  // namespace millrace::pipelines
