// What every communicator has in common.
#include <millrace/communicator.hpp>

#include <cstring>

namespace millrace {

PendingSum::~PendingSum() = default;
Communicator::~Communicator() = default;

void all_reduce_sum_in_rank_order(Communicator& communicator, std::span<double> values) {
  if (communicator.size() == 1) return;
  const std::vector<std::byte> all = communicator.all_gather(std::as_bytes(values));
  std::vector<double> part(values.size());
  for (std::size_t rank = 0; rank < static_cast<std::size_t>(communicator.size()); ++rank) {
    std::memcpy(part.data(), all.data() + rank * values.size_bytes(), values.size_bytes());
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = rank == 0 ? part[i] : values[i] + part[i];
  }
}

}  // namespace millrace
