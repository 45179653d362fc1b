// A config written as YAML again, each value with its origin as a comment.
#pragma once

#include "document.hpp"

#include <string>

namespace millrace::pipelines {

/// "config.yaml:12", "command line, --set #2", "default".
std::string origin_text(const Location& where);

/// The members of `config`, a map, as YAML that is read back as the same values. Nothing in it is obeyed by a terminal.
std::string config_text(const DocNode& config);

}  // namespace millrace::pipelines
