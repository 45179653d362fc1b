// Several runs beside each other, as a page of one file.
#pragma once

#include "report/comparison.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

std::string comparison_page(const std::vector<ComparedRun>& runs);

}  // namespace millrace::pipelines
