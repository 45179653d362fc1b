// One list of leases an output. Joined inputs are usually made from one block, so a lease that was listed last is not listed again.
#include "kept_leases.hpp"

namespace millrace::pipelines {

KeptLeases::KeptLeases(const std::vector<PortKind>& outputs, bool accumulates) : accumulates_(accumulates) {
  for (const PortKind kind : outputs) outputs_.push_back({kind == PortKind::data});
}

void KeptLeases::gather(std::size_t output, std::span<const Packet> inputs) {
  if (!outputs_[output].is_data) return;
  std::vector<LeasePtr>& leases = outputs_[output].leases;
  for (const Packet& packet : inputs)
    if (packet.lease && (leases.empty() || leases.back() != packet.lease)) leases.push_back(lease_of(packet));
}

LeasePtr KeptLeases::emitted(std::size_t output, const Packet& in_hand) {
  LeasePtr lease = outputs_[output].is_data ? combine(outputs_[output].leases) : epoch_only(lease_of(in_hand));
  outputs_[output].has_emitted = true;
  return lease;
}

// Rows that stay behind an emission are at most one packet's; their credits come back with the packet in hand,
// so that a budget of ceil(batch / block) + 1 blocks is always enough.
void KeptLeases::release(bool end_of_epoch) {
  for (Output& output : outputs_) {
    if (output.has_emitted || end_of_epoch || !accumulates_) output.leases.clear();
    output.has_emitted = false;
  }
}

}  // namespace millrace::pipelines
