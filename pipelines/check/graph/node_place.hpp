// What is said of a node when the process dies in a call of its stage, or is ended there.
#pragma once

#include "process/stage_mark.hpp"
#include "validated_graph.hpp"

namespace millrace::pipelines {

/// "node `flat` (stage flatten, a.yaml:3:2)"; `advice` says what to do.
StagePlace place_of(const ValidatedNode& node, const std::string& advice);

}  // namespace millrace::pipelines
