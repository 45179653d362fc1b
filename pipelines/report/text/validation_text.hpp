// The validation rows of a run, for a terminal.
#pragma once

#include "report/run_record.hpp"

#include <string>

namespace millrace::pipelines {

/// Lines of at most kPageColumns columns, indented. Empty where nothing was measured on any.
std::string validation_text(const RunRecord& record, bool unicode);

}  // namespace millrace::pipelines
