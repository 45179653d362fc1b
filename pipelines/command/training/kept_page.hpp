// The page that a run leaves about itself.
#pragma once

#include "record/kept_run.hpp"

#include <string>

namespace millrace::pipelines {

/// Writes report.html of the run's attempt, from what is in its files. What goes wrong is one of `report`'s warnings (`report-failed`) and stands in the log; the run
/// is over, and its exit code stays. Nothing is written where the claim was lost: the run has told that.
void keep_page(KeptRun& kept, RunReport& report) noexcept;

/// Writes the page of a run that has ended anew, where it has one, for something was added to its files since. Throws what write_atomically throws.
void renew_page(const std::string& folder);

}  // namespace millrace::pipelines
