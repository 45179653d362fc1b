// What a stage is told of its node before its first call.
#include <millrace/detail/node_context.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace {

PortInference::~PortInference() = default;
NodeOpening::~NodeOpening() = default;

std::uint64_t NodeOpening::seed(std::string_view purpose) const {
  for (const auto& [name, seed] : node_info_.seeds)
    if (name == purpose) return seed;
  throw Error(ErrorKind::plugin, "undeclared-purpose",
              fmt::format("node `{}` draws random numbers for `{}` and has not said so", node(), purpose),
              "this is a defect of the stage: its infer must call draws with this purpose");
}

}  // namespace millrace
