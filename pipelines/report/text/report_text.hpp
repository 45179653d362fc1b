// A run's report for a terminal: what report.html has, in lines of at most 80 columns.
#pragma once

#include "report/run_record.hpp"

#include <string>

namespace millrace::pipelines {

/// `unicode`: what reads it shows blocks and lines.
std::string report_text(const RunRecord& record, bool unicode);

}  // namespace millrace::pipelines
