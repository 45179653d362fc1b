// Variables of the environment.
#pragma once

#include <millrace/detail/export.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// The value of a variable; nothing where it is not set.
MILLRACE_EXPORT std::optional<std::string> find_environment(const char* name);

/// The value of a variable; one that is not set counts as empty.
MILLRACE_EXPORT std::string environment(const char* name);

/// Every variable whose name begins with `prefix`, by its name.
MILLRACE_EXPORT std::map<std::string, std::string> environment_with(std::string_view prefix);

}  // namespace millrace
