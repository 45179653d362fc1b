// What a run keeps of how its models do on the validation rows.
#pragma once

#include "command/loading/checked_config.hpp"
#include "command/slices/slice_run.hpp"
#include "record/kept_run.hpp"

namespace millrace::pipelines {

/// Judges the models of a run that has finished, and writes validation.json of its attempt; nothing where no model has validation rows. What cannot be written is
/// one of `report`'s warnings (`report-failed`) and stands in the log; the run is over, and its exit code stays.
void keep_validation(KeptRun& kept, const CheckedConfig& checked, const SliceWatch& watch, RunReport& report) noexcept;

}  // namespace millrace::pipelines
