// The ports of one node, by name.
#include <millrace/detail/port_table.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <utility>

namespace millrace {
namespace {

// Up to here comparing all names is quicker than a search, and nearly every node has no more.
constexpr std::size_t kFewPorts = 8;

}  // namespace

PortTable::PortTable(PortDirection direction, std::string owner) : direction_(direction), owner_(std::move(owner)) {}

std::size_t PortTable::add(std::string name, PortSpec spec) {
  names_.push_back(std::move(name));
  specs_.push_back(std::move(spec));
  if (size() > kFewPorts)
    for (std::size_t i = places_.empty() ? 0 : size() - 1; i < size(); ++i) places_.emplace(names_[i], i);
  return size() - 1;
}

std::optional<std::size_t> PortTable::find(std::string_view name) const {
  if (size() > kFewPorts) {
    const auto found = places_.find(name);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }
  for (std::size_t i = 0; i < size(); ++i)
    if (names_[i] == name) return i;
  return std::nullopt;
}

std::size_t PortTable::index_of(std::string_view name) const {
  if (const auto found = find(name)) return *found;
  const char* kind = direction_ == PortDirection::input ? "input" : "output";
  throw Error(ErrorKind::run, "no-such-port", fmt::format("`{}` has no {} `{}`", owner_, kind, name));
}

}  // namespace millrace
