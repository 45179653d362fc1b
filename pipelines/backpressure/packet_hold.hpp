// What a packet keeps taken while any copy of it lives: the credits of the blocks it was made from, and its epoch.
#pragma once

#include <millrace/packet.hpp>

#include <memory>
#include <span>
#include <vector>

namespace millrace::pipelines {

struct PacketHold {
  std::shared_ptr<const void> epoch;
  std::vector<std::shared_ptr<const void>> credits;  ///< of blocks, or holds of other packets
};
using HoldPtr = std::shared_ptr<const PacketHold>;

/// The hold of a packet that the engine made.
HoldPtr hold_of(const Packet& packet);
/// One hold for everything that `holds` keep; the epoch is that of the last. Null when empty.
HoldPtr combine(std::span<const HoldPtr> holds);
/// A hold on the epoch alone: metrics and snapshots must not keep blocks from being loaded.
HoldPtr epoch_only(const HoldPtr& hold);

}  // namespace millrace::pipelines
