// A checked config as a config again: what `show` prints and a run keeps.
#pragma once

#include "checked_config.hpp"

#include <string>

namespace millrace::pipelines {

/// `config`, which is what of `checked` was resolved, as YAML. A comment says so where it alone draws other numbers than `checked` does.
std::string resolved_text(const CheckedConfig& checked, const DocNode& config);

}  // namespace millrace::pipelines
