// A copy, because a later change of the environment may move what `getenv` points to.
#include <millrace/detail/environment.hpp>

#include <unistd.h>

#include <cstdlib>

namespace millrace {

std::optional<std::string> find_environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody writes it beside other threads
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string environment(const char* name) { return find_environment(name).value_or(""); }

std::map<std::string, std::string> environment_with(std::string_view prefix) {
  std::map<std::string, std::string> found;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::size_t equals = text.find('=');
    if (text.starts_with(prefix) && equals != std::string_view::npos)
      found.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return found;
}

}  // namespace millrace
