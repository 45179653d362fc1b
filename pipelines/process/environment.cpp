// A copy, because whoever changes the environment later may move what `getenv` points to.
#include "environment.hpp"

#include <cstdlib>

namespace millrace::pipelines {

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it beside other threads
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace millrace::pipelines
