// Validation rows of a model with one output, as points: SVG that needs no style sheet around it.
#pragma once

#include "report/validation/validation.hpp"

#include <string>

namespace millrace::pipelines {

/// What was wanted, over the only input, with the line that the model gives; or what it gives over what was wanted, with the line where both are the same. Text has
/// the color of what is around. Empty where there are no points.
std::string plot_picture(const Validation& model);
/// The same as a file of its own, dark on light.
std::string plot_file(const Validation& model);
const char* plot_title(const Validation& model);

}  // namespace millrace::pipelines
