// The order in which a stage that waits for an input is given its packets: what StageDescriptor::waits_for promises, for the engine and for tests.
#pragma once

#include <millrace/packet.hpp>
#include <millrace/stage_descriptor.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace {

/// Of a wait (data, until), epoch by epoch: the packets of `until`, then those of `data`, each port in its own order. So the stage
/// never has two epochs in hand. Not thread-safe.
class WaitOrder {
 public:
  WaitOrder() = default;
  /// `ports`: the connected inputs. A wait on one that is not connected is none.
  WaitOrder(const StageDescriptor& spec, const std::vector<std::string>& ports) {
    for (const StageDescriptor::Wait& wait : spec.waits()) {
      Pair pair{index_of(ports, wait.data), index_of(ports, wait.until), false, {}, {}, {}};
      const PortDecl* until = spec.find_input(wait.until);
      pair.until_has_rows = until != nullptr && until->kind == PortKind::data;
      if (pair.data < ports.size() && pair.until < ports.size()) pairs_.push_back(pair);
    }
  }

  /// Whether the next packet of a port may go to the stage now; those before it have gone.
  bool may_take(std::size_t port, const PacketHeader& next) const {
    for (const Pair& pair : pairs_) {
      if (port == pair.data && !(pair.released && *pair.released >= next.epoch)) return false;
      const bool begins = port == pair.until && pair.begun && next.epoch > *pair.begun;
      if (begins && !(pair.ended && *pair.ended >= *pair.begun)) return false;
    }
    return true;
  }

  /// It has gone there.
  void taken(std::size_t port, const PacketHeader& packet) {
    for (Pair& pair : pairs_) {
      if (port == pair.data && packet.last_in_epoch) pair.ended = packet.epoch;
      if (port != pair.until) continue;
      pair.begun = packet.epoch;
      if (!pair.until_has_rows || packet.last_in_epoch) pair.released = packet.epoch;
    }
  }

 private:
  struct Pair {
    std::size_t data, until;
    bool until_has_rows;                    ///< then its epoch is there with last_in_epoch; else with the first packet
    std::optional<std::uint32_t> begun;     ///< the epoch of `until` that came last
    std::optional<std::uint32_t> released;  ///< all of `until` of this epoch has come
    std::optional<std::uint32_t> ended;     ///< all of `data` of this epoch has gone
  };
  static std::size_t index_of(const std::vector<std::string>& ports, const std::string& name) {
    std::size_t i = 0;
    while (i < ports.size() && ports[i] != name) ++i;
    return i;
  }
  std::vector<Pair> pairs_;
};

}  // namespace millrace
