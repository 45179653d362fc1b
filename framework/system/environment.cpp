// A copy, because a later change of the environment may move what `getenv` points to.
#include <millrace/detail/environment.hpp>

#include <cstdlib>

namespace millrace {

std::optional<std::string> find_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it beside other threads
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string environment(const char* name) { return find_environment(name).value_or(""); }

}  // namespace millrace
