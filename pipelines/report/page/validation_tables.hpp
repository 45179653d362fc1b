// The validation rows of a run on its page: who was taken for whom, class by class, and the worst rows as pictures.
#pragma once

#include "report/run_record.hpp"

#include <string>

namespace millrace::pipelines {

/// Empty where nothing was measured on any.
std::string validation_tables(const RunRecord& record);

}  // namespace millrace::pipelines
