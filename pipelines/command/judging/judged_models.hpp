// What the models of a run that is over make of its validation rows.
#pragma once

#include "command/loading/checked_config.hpp"
#include "command/slices/slice_run.hpp"
#include "report/validation/validation.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// One for each trainer that has an evaluator, of the newest checkpoint of the run in `folder`. `checked` is the run's config; its stages may be used up. What
/// goes wrong is told in the model's `left_out`.
std::vector<Validation> judged_models(const CheckedConfig& checked, const std::string& folder, const SliceWatch& watch);

}  // namespace millrace::pipelines
