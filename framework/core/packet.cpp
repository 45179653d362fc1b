// A field is found by a linear search over the few that a packet has, and one that is missing is an error and no null.
#include <millrace/error.hpp>
#include <millrace/packet.hpp>

#include <fmt/format.h>

namespace millrace {

const Tensor& Packet::tensor(std::string_view name) const {
  for (const Field& field : fields)
    if (field.name == name) return field.tensor;
  throw Error(ErrorKind::run, "no-such-field", fmt::format("the packet has no field `{}`", name));
}

std::span<const std::uint64_t> Packet::sample_ids() const {
  return ids ? std::span<const std::uint64_t>(*ids) : std::span<const std::uint64_t>();
}

}  // namespace millrace
