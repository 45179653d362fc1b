// Key functions of the public interfaces: they anchor each vtable in this library, so that a type has one identity in the
// host and in every plugin.
#include <millrace/error.hpp>
#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace millrace {

Stage::~Stage() = default;
InferContext::~InferContext() = default;
RunReporter::~RunReporter() = default;
OpenContext::~OpenContext() = default;
RowShare OpenContext::share() const { return {}; }
WorkContext::~WorkContext() = default;
double WorkContext::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void StageState::put(std::string name, std::span<const std::byte> bytes) {
  entries_.insert_or_assign(std::move(name), std::vector<std::byte>(bytes.begin(), bytes.end()));
}

std::span<const std::byte> StageState::get(std::string_view name) const {
  const auto it = entries_.find(name);
  if (it == entries_.end())
    throw Error(ErrorKind::data, "no-such-state", fmt::format("the saved state has no entry `{}`", name));
  return it->second;
}

}  // namespace millrace
