// Reference counts do the work: a lease ends when the last packet that points to it goes.
#include "packet_lease.hpp"

#include <algorithm>

namespace millrace::pipelines {

LeasePtr lease_of(const Packet& packet) { return std::static_pointer_cast<const PacketLease>(packet.lease); }

LeasePtr combine(std::span<const LeasePtr> leases) {
  if (leases.empty()) return nullptr;
  const bool same =
      std::all_of(leases.begin(), leases.end(), [&](const LeasePtr& lease) { return lease == leases.front(); });
  if (same) return leases.front();
  auto combined = std::make_shared<PacketLease>();
  combined->epoch = leases.back()->epoch;
  combined->credits.assign(leases.begin(), leases.end());
  return combined;
}

LeasePtr epoch_only(const LeasePtr& lease) {
  auto alone = std::make_shared<PacketLease>();
  if (lease) alone->epoch = lease->epoch;
  return alone;
}

}  // namespace millrace::pipelines
