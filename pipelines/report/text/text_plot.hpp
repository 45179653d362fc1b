// Validation rows of a model with one output, as points in a terminal.
#pragma once

#include "report/validation/validation.hpp"

#include <string>

namespace millrace::pipelines {

/// What the page draws, in lines of at most kPageColumns columns. Empty where there are no points.
std::string text_plot(const Validation& model, bool unicode);

}  // namespace millrace::pipelines
