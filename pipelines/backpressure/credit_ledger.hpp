// Drives the sources: credit-based flow control. A source has as many credits as blocks of it may be alive; each call of produce takes one,
// which comes back when the last packet of that block has gone. One is given while the gate is open and the run is not being stopped.
#pragma once

#include "epoch_gate.hpp"
#include "packet_lease.hpp"

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace millrace::pipelines {

struct SourceBudget {
  std::string name;
  std::int64_t blocks = 1;      ///< blocks of it that may be alive at once
  std::size_t bytes = 0;        ///< bytes that may be alive at once; 0: no limit
  std::size_t block_bytes = 0;  ///< the most bytes a block of it has
  /// The sources whose epochs must be over before blocks of this one are let go: those behind what its rows are held for, and
  /// those that they wait for in turn.
  std::vector<std::size_t> waits_for = {};
};

/// The right to call produce once.
struct Credit {
  std::size_t source = 0;
  std::uint32_t epoch = 0;
  bool begins_epoch = false;
  LeasePtr lease;  ///< the slot and the epoch; goes into the packets
};

/// None is called under the ledger's lock, and only `start` may throw.
struct LedgerHooks {
  /// Keep the credit, do not run the source. What it throws fails the run.
  std::function<void(Credit)> start;
  /// Nothing more is to be done for an epoch, nor for any after it.
  std::function<bool(std::uint32_t)> stopping;
  /// An epoch has ended: nothing of it is alive. In order, never two at once, and never for one that `stopping` speaks of.
  std::function<void(std::uint32_t)> epoch_ended;
  /// A credit could not be made or not be started; after it `stopping` says so of every epoch.
  std::function<void(std::exception_ptr)> failed;
};

/// Safe from any thread. Leases refer to it by shared_ptr, because a packet may outlive the run: it is inert then. Allocates
/// nothing under its lock.
class CreditLedger : public std::enable_shared_from_this<CreditLedger> {
 public:
  /// Epochs `first` to `last`, `ahead` epochs at most begun beyond one that is alive.
  static std::shared_ptr<CreditLedger> make(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks);

  /// Hands out the first credits.
  void start() noexcept;
  /// The source has used its credit; `last`: the epoch is over.
  void produced(std::size_t source, bool last) noexcept;
  /// Nothing moves any more: gives one block more to the sources that only their budget of blocks keeps from going on, and first
  /// to those for which others wait. False when there are none: the run is over, or is kept by something else.
  bool widen() noexcept;
  /// Throws Error("stop-too-late", run) when an epoch after `from_epoch` + 1 has begun.
  void stop_after(std::uint32_t from_epoch);
  /// From now on inert: no hook is called any more, leases only count.
  void close() noexcept;

  std::uint32_t first_epoch() const { return first_epoch_; }
  std::uint32_t last_epoch() const;
  /// The ends of all epochs before this one have been told.
  std::uint64_t ends_told() const;

  /// What keeps a source from its next block.
  enum class Limit : std::uint8_t { none, blocks, bytes, epoch };
  struct SourceState {
    std::uint32_t epochs = 0;   ///< finished
    std::int64_t alive = 0;     ///< blocks whose credit is out
    std::int64_t high = 0;      ///< the most blocks that were alive at once
    std::int64_t widened = 0;   ///< blocks that were added to the budget
    Limit limit = Limit::none;  ///< as it is now
  };
  SourceState source(std::size_t index) const;
  /// Blocks and epochs on which a lease is still out.
  std::size_t outstanding() const;

 private:
  struct BlockCredit;
  struct EpochHandle;
  struct Account {
    SourceBudget budget;
    SourceState state;
    std::uint32_t epoch = 0;
    bool in_epoch = false, running = false, starves = false;
  };
  /// A credit that has been decided on and counted, but not made.
  struct Grant {
    std::size_t source;
    std::uint32_t epoch;
    bool begins_epoch;
    EpochGate::Handle own;  ///< null when it has to be made
  };
  using Lock = std::unique_lock<std::mutex>;

  CreditLedger(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks);
  Limit limit_of(const Account& account) const;
  bool is_over(const Account& account) const { return account.running || account.epoch > gate_.last(); }
  /// It needs no more credits.
  bool is_done(const Account& account) const { return is_over(account) || hooks_.stopping(account.epoch); }
  bool waits_for_another(const Account& account) const;
  std::optional<Grant> next_grant() noexcept;
  void pump(Lock lock) noexcept;
  void hand_out(Grant grant);
  EpochGate::Handle open_epoch(std::uint32_t epoch);
  void tell_ends(Lock& lock) noexcept;
  void return_block(std::size_t source) noexcept;
  void end_epoch(std::uint32_t epoch) noexcept;

  mutable std::mutex mutex_;
  EpochGate gate_;
  LedgerHooks hooks_;
  std::uint32_t first_epoch_;
  std::vector<Account> accounts_;
  std::vector<EpochGate::Handle> spare_;  ///< a place for each handle that close takes from the gate
  std::size_t epochs_alive_ = 0;
  std::uint64_t told_;  ///< the ends of all epochs before this one have been told
  bool telling_ = false;
  bool closed_ = false;
};

}  // namespace millrace::pipelines
