// What the system refuses, told as what is short.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/error.hpp>

#include <string>
#include <system_error>

namespace millrace {

/// Error("no-thread" | "too-many-files" | "out-of-memory" | "system-error", run) with the system's reason and which limit to look
/// at. `doing`: "start the thread that takes signals"; may be empty.
MILLRACE_EXPORT Error system_failure(const std::error_code& code, const std::string& doing = {});
/// The same for what somebody has thrown, whose own words are kept. A number of another category than the system's means nothing
/// here, and "try again" means a thread only from who says nothing else, as std::thread: both are "system-error".
MILLRACE_EXPORT Error system_failure(const std::system_error& thrown);

}  // namespace millrace
