// What a packet keeps taken while any copy of it lives.
#include "packet_hold.hpp"

#include <algorithm>

namespace millrace::pipelines {

HoldPtr hold_of(const Packet& packet) { return std::static_pointer_cast<const PacketHold>(packet.hold); }

HoldPtr combine(std::span<const HoldPtr> holds) {
  if (holds.empty()) return nullptr;
  const bool same = std::all_of(holds.begin(), holds.end(), [&](const HoldPtr& hold) { return hold == holds.front(); });
  if (same) return holds.front();
  auto combined = std::make_shared<PacketHold>();
  combined->epoch = holds.back()->epoch;
  combined->credits.assign(holds.begin(), holds.end());
  return combined;
}

HoldPtr epoch_only(const HoldPtr& hold) {
  auto alone = std::make_shared<PacketHold>();
  if (hold) alone->epoch = hold->epoch;
  return alone;
}

}  // namespace millrace::pipelines
