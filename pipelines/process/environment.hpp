// Variables of the environment.
#pragma once

#include <string>

namespace millrace::pipelines {

/// The value of a variable; one that is not set counts as empty.
std::string environment(const char* name);

}  // namespace millrace::pipelines
