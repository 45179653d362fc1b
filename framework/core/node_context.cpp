// What a stage is told of its node before its first call.
#include <millrace/detail/node_context.hpp>

namespace millrace {

PortInference::~PortInference() = default;
NodeOpening::~NodeOpening() = default;

std::optional<std::uint64_t> NodeOpening::find_seed(std::string_view purpose) const {
  for (const auto& [name, seed] : node_info_.seeds)
    if (name == purpose) return seed;
  return std::nullopt;
}

}  // namespace millrace
