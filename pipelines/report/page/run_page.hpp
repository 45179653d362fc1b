// A run's report as a page of one file, which needs no script and no network. Decision 0079 has the reasons.
#pragma once

#include "report/run_record.hpp"

#include <string>

namespace millrace::pipelines {

std::string run_page(const RunRecord& record);

}  // namespace millrace::pipelines
