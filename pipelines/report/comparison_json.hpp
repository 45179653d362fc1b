// Several runs beside each other, for programs. Schema 1; keys are only ever added.
#pragma once

#include "comparison.hpp"

#include <nlohmann/json_fwd.hpp>

#include <vector>

namespace millrace::pipelines {

/// A path that a run has no value of is null in its place.
nlohmann::ordered_json comparison_json(const std::vector<ComparedRun>& runs);

}  // namespace millrace::pipelines
