// Variables of the environment.
#pragma once

#include <millrace/detail/export.hpp>

#include <optional>
#include <string>

namespace millrace {

/// The value of a variable; nothing where it is not set.
MILLRACE_EXPORT std::optional<std::string> find_environment(const char* name);

/// The value of a variable; one that is not set counts as empty.
MILLRACE_EXPORT std::string environment(const char* name);

}  // namespace millrace
