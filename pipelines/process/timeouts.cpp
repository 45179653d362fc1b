// Reads MILLRACE_PEER_TIMEOUT and MILLRACE_DEVICE_TIMEOUT; a value that is no positive number of seconds is refused and not ignored.
#include "timeouts.hpp"

#include "environment.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string>

namespace millrace::pipelines {
namespace {

constexpr double kDefault = 60;
constexpr double kMost = 1e9;  // fits into milliseconds of any kind

double seconds_of(const char* variable, const char* meaning) {
  const std::string text = environment(variable);
  if (text.empty()) return kDefault;
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  if (*end == '\0' && std::isfinite(seconds) && seconds > 0 && seconds <= kMost) return seconds;
  throw Error(ErrorKind::usage, "wrong-arguments", fmt::format("{} is `{}`", variable, text),
              fmt::format("give seconds, for example 60: {}", meaning));
}

}  // namespace

double peer_timeout_seconds() {
  return seconds_of("MILLRACE_PEER_TIMEOUT", "how long one process may keep the others waiting");
}

double device_timeout_seconds() {
  return seconds_of("MILLRACE_DEVICE_TIMEOUT", "how long a device may take over one piece of work");
}

}  // namespace millrace::pipelines
