// What a config leaves out and its stages have a default for, written into the document, so that `--set` finds it.
#pragma once

#include "config/document/document.hpp"

namespace millrace {
class StageRegistry;
}

namespace millrace::pipelines {

/// Adds the defaults of every known stage to the nodes and chains of a document.
void add_stage_defaults(DocNode& document, const StageRegistry& registry);

}  // namespace millrace::pipelines
