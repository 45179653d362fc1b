// Several runs beside each other, for a terminal.
#pragma once

#include "report/comparison.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Lines of at most 80 columns. `unicode`: what reads it shows blocks and lines.
std::string comparison_text(const std::vector<ComparedRun>& runs, bool unicode);

}  // namespace millrace::pipelines
