// Drives the sources: one permit, one block. A permit needs a free slot of the source's budget, an open gate and a
// run that is not being stopped.
#pragma once

#include "epoch_gate.hpp"
#include "packet_hold.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct SourceBudget {
  std::string name;
  std::int64_t blocks = 1;      ///< blocks of it that may be alive at once
  std::size_t bytes = 0;        ///< bytes that may be alive at once; 0: no limit
  std::size_t block_bytes = 0;  ///< the most bytes a block of it has
};

/// The right to call produce once.
struct Permit {
  std::size_t source = 0;
  std::uint32_t epoch = 0;
  bool begins_pass = false;
  HoldPtr hold;  ///< the slot and the epoch; goes into the packets
};

struct LedgerHooks {
  /// Called under the ledger's lock: keep the permit, do not run the source, do not drop the permit.
  std::function<void(Permit)> start;
  std::function<bool()> stopping;
  /// An epoch has ended: nothing of it is alive. In order; never for a run that is being stopped. Must not throw.
  std::function<void(std::uint32_t)> epoch_ended;
};

/// Safe from any thread. Holds refer to it by shared_ptr, because a packet may outlive the run: it is inert then.
class PermitLedger : public std::enable_shared_from_this<PermitLedger> {
 public:
  /// Passes `first` to `last`, `ahead` passes at most begun beyond one that is alive.
  static std::shared_ptr<PermitLedger> make(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks);

  /// Hands out the first permits.
  void start();
  /// The source has used its permit; `last`: the pass is over.
  void produced(std::size_t source, bool last);
  /// Throws Error("stop-too-late", run) when a pass after `from_epoch` + 1 has begun.
  void stop_after(std::uint32_t from_epoch);
  /// From now on inert: no hook is called any more, holds only count.
  void close();

  std::uint32_t first_pass() const;
  std::uint32_t last_pass() const;

  struct SourceState {
    std::uint32_t passes = 0;  ///< finished
    std::int64_t alive = 0;    ///< blocks that something holds
    std::int64_t high = 0;     ///< the most blocks that were alive at once
  };
  SourceState source(std::size_t index) const;
  /// Blocks and epochs that something outside the ledger holds.
  std::size_t held() const;

 private:
  struct BlockToken;
  struct EpochHandle;
  struct Line {
    SourceBudget budget;
    SourceState state;
    std::uint32_t pass = 0;
    bool in_pass = false, running = false;
  };
  PermitLedger(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks);
  bool may_run(const Line& line) const;
  Permit make_permit(std::size_t index);
  void pump();
  void return_block(std::size_t source) noexcept;
  void end_epoch(std::uint32_t epoch) noexcept;

  mutable std::mutex mutex_;
  EpochGate gate_;
  LedgerHooks hooks_;
  std::vector<Line> lines_;
  std::size_t epochs_alive_ = 0;
  bool closed_ = false;
};

}  // namespace millrace::pipelines
