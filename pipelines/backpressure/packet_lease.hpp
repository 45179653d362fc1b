// What a packet keeps taken while any copy of it lives: the credits of the blocks it was made from, and its epoch.
#pragma once

#include <millrace/packet.hpp>

#include <memory>
#include <span>
#include <vector>

namespace millrace::pipelines {

struct PacketLease {
  std::shared_ptr<const void> epoch;
  std::vector<std::shared_ptr<const void>> credits;  ///< credits of blocks, or leases of other packets
};
using LeasePtr = std::shared_ptr<const PacketLease>;

/// The lease of a packet that the engine made.
LeasePtr lease_of(const Packet& packet);
/// One lease for everything that `leases` keep; the epoch is that of the last. Null when empty.
LeasePtr combine(std::span<const LeasePtr> leases);
/// A lease on the epoch alone: metrics and snapshots must not keep blocks from being loaded.
LeasePtr epoch_only(const LeasePtr& lease);

}  // namespace millrace::pipelines
