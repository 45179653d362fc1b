// Key functions of the public interfaces: they anchor each vtable in this library, so that a type has one identity in the
// host and in every plugin.
#include <millrace/error.hpp>
#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <chrono>

namespace millrace {

Stage::~Stage() = default;
InferContext::~InferContext() = default;
IsolationInfer::~IsolationInfer() = default;
// Not virtual, so that plugins which are built already stay as they are (decision 0031).
bool InferContext::is_isolated() const {
  const auto* isolation = dynamic_cast<const IsolationInfer*>(this);
  return isolation != nullptr && isolation->will_be_isolated();
}
RunNews::~RunNews() = default;
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
