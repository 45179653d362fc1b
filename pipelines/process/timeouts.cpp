// A value that is no positive number is refused and not ignored.
#include "timeouts.hpp"

#include <millrace/detail/environment.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace millrace::pipelines {
namespace {

constexpr double kMost = 1e9;  // fits into milliseconds of any kind

struct Timeout {
  const char *variable, *unit;
  double otherwise;
  const char* meaning;
  bool is_whole = false;
};

double value_of(const Timeout& timeout) {
  const std::string text = environment(timeout.variable);
  if (text.empty()) return timeout.otherwise;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const bool fits = !timeout.is_whole || std::trunc(value) == value;
  if (*end == '\0' && std::isfinite(value) && value > 0 && value <= kMost && fits) return value;
  throw Error(ErrorKind::usage, "wrong-arguments", fmt::format("{} is `{}`", timeout.variable, text),
              fmt::format("give {}, for example {}: {}", timeout.unit, timeout.otherwise, timeout.meaning));
}

}  // namespace

double peer_timeout_seconds() {
  return value_of({"MILLRACE_PEER_TIMEOUT", "seconds", 60, "how long one process may keep the others waiting"});
}

double device_timeout_seconds() {
  return value_of({"MILLRACE_DEVICE_TIMEOUT", "seconds", 60, "how long a device may take over one piece of work"});
}

std::chrono::milliseconds plugin_timeout() {
  return std::chrono::milliseconds(
      static_cast<std::int64_t>(value_of({"MILLRACE_PLUGIN_TIMEOUT_MS", "milliseconds", 10'000,
                                          "how long a plugin may take to register its stages", true})));
}

}  // namespace millrace::pipelines
