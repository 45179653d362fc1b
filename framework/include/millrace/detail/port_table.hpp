// The ports of one node, by name: what every context of a stage looks names up in.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/stage_descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

enum class PortDirection : std::uint8_t { input, output };

/// Ports in the order in which they were added, each with what flows there. Reading is thread-safe.
class MILLRACE_EXPORT PortTable {
 public:
  /// `owner`: the node or stage, as messages name it.
  PortTable(PortDirection direction, std::string owner);

  /// Returns the index of the new port. Of two with one name the first is found.
  std::size_t add(std::string name, PortSpec spec = {});

  std::size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  const std::string& name(std::size_t index) const { return names_[index]; }
  const PortSpec& spec(std::size_t index) const { return specs_[index]; }
  PortSpec& spec(std::size_t index) { return specs_[index]; }

  std::optional<std::size_t> find(std::string_view name) const;
  /// Throws Error("no-such-port", run).
  std::size_t index_of(std::string_view name) const;
  /// What flows there. Throws as index_of does.
  const PortSpec& at(std::string_view name) const { return specs_[index_of(name)]; }

 private:
  PortDirection direction_;
  std::string owner_;
  std::vector<std::string> names_;
  std::vector<PortSpec> specs_;
  std::map<std::string, std::size_t, std::less<>> places_;  ///< index of each port by name, where there are many ports
};

}  // namespace millrace
