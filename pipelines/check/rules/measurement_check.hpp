// A model is measured on rows that are prepared as those that train it, and that are not these.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "diagnostics/diagnostics.hpp"

namespace millrace::pipelines {

/// Warns of each source that sends rows to an evaluation and shares some of them with a source that trains its model: goes by what
/// sources say that they read, where files of one content are one, and looks through those stages only that pass every row on.
/// Warns where fields of one name differ in the order of their classes, and, where all rows come from data sets or files, in their
/// scale, unless that is known from the values only.
void warn_of_measurements(const ValidatedGraph& graph, Diagnostics& diagnostics);

}  // namespace millrace::pipelines
