// The page that a run leaves about itself.
#pragma once

#include "record/kept_run.hpp"

namespace millrace::pipelines {

/// Writes report.html of the run's attempt, from what is in its files. What goes wrong is one of `report`'s warnings (`report-failed`) and stands in the log; the run
/// is over, and its exit code stays. Nothing is written where the claim was lost: the run has told that.
void keep_page(KeptRun& kept, RunReport& report) noexcept;

}  // namespace millrace::pipelines
