// Which leases a Serial keeps for each of its outputs, and when it gives them back: the rule that the formula of budgets.hpp counts on.
#pragma once

#include "packet_lease.hpp"

#include <millrace/port_decl.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace millrace::pipelines {

/// A packet of data that a Serial emits keeps what the packets kept that it is made from: all that came since the output's last
/// packet, for the engine does not see which rows a stage has used. Not thread-safe: calls of a Serial never overlap.
class KeptLeases {
 public:
  /// `outputs`: what flows out of each port. `accumulates`: rows may stay behind a call for a packet of a later one.
  KeptLeases(const std::vector<PortKind>& outputs, bool accumulates);

  /// A call begins: `inputs` may go into the next packet of `output`. Only for outputs that somebody reads.
  void gather(std::size_t output, std::span<const Packet> inputs);
  /// The lease of a packet that the call emits at `output`: one of data keeps what was gathered, null when nothing was; every other
  /// keeps the epoch alone, that of the packet `in_hand`.
  LeasePtr emitted(std::size_t output, const Packet& in_hand);
  /// The call has ended: gives back what was gathered for the outputs that have emitted; at the end of an epoch, and when nothing is
  /// accumulated, for all.
  void release(bool end_of_epoch);

 private:
  struct Output {
    bool is_data;
    std::vector<LeasePtr> leases = {};
    bool has_emitted = false;  ///< in the call in hand
  };
  std::vector<Output> outputs_;
  bool accumulates_;
};

}  // namespace millrace::pipelines
