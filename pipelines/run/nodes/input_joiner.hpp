// The reorder buffer of a node: puts its input packets back into order and joins them: what the node may work on next.
#pragma once

#include "backpressure/credit_ledger.hpp"

#include <millrace/packet.hpp>
#include <millrace/stage_descriptor.hpp>
#include <millrace/wait_order.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// One call of a stage: the packets it is for, or a source's credit.
struct Work {
  std::vector<Packet> inputs;  ///< one packet a port; independent inputs have one at `port` only
  std::size_t port = 0;
  Credit credit;
  bool resumes = false;   ///< the rest of a call that waited for the device
  bool admitted = false;  ///< it came to its turn before the run was stopped, and will be done
};

/// Packets arrive in any order and leave in the order of `seq`. Not thread-safe: the node's lock guards it.
class InputJoiner {
 public:
  InputJoiner(InputMode mode, std::size_t ports, WaitOrder order = {})
      : mode_(mode), order_(std::move(order)), waiting_(ports), next_(ports, 0) {}

  void add(std::size_t port, Packet packet);
  /// The next call that can be made: joined inputs wait until every port has its packet, held ones until it is their turn.
  std::optional<Work> next();
  /// Packets that wait at a port.
  std::size_t waiting(std::size_t port) const { return waiting_[port].size(); }
  /// Takes out everything that waits; to be dropped without the lock.
  std::vector<Packet> clear();

 private:
  bool is_ready(std::size_t port) const;
  Packet take(std::size_t port);

  InputMode mode_;
  WaitOrder order_;
  std::vector<std::map<std::uint64_t, Packet>> waiting_;
  std::vector<std::uint64_t> next_;
};

/// Joined packets must be the same samples in one order. Throws Error("join-mismatch", run) at the first difference.
void require_same_samples(const std::vector<Packet>& inputs, const std::vector<std::string>& ports);

}  // namespace millrace::pipelines
