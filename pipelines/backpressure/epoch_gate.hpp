// When an epoch may start: epoch e waits until nothing of epoch e-1-epochs_ahead is alive, so what a run keeps is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// Plain bookkeeping; the ledger guards it with its lock. Every source makes every epoch. Allocates when it is made and never
/// again.
class EpochGate {
 public:
  using Handle = std::shared_ptr<const void>;

  EpochGate(std::uint32_t first, std::uint32_t last, std::uint32_t ahead, std::size_t sources);

  std::uint32_t first() const { return first_; }
  std::uint32_t last() const { return last_; }
  bool may_start(std::uint32_t epoch) const { return epoch <= last_ && epoch <= lowest_alive_ + ahead_; }
  /// Every epoch before this one has ended.
  std::uint64_t lowest_alive() const { return lowest_alive_; }

  /// A source begins or goes on with an epoch that may start. Returns the epoch's handle; null until somebody has set it.
  const Handle& begin(std::uint32_t epoch) noexcept;
  void set_handle(std::uint32_t epoch, Handle own) noexcept { at(epoch).own = std::move(own); }
  /// A source has finished its epoch. When it was the last one, the gate's own reference comes back: the caller drops it
  /// without the lock, because that may end the epoch.
  Handle finish(std::uint32_t epoch) noexcept;
  /// Nothing holds `epoch` any more: it has ended, and those behind it that were waiting for it.
  void end(std::uint32_t epoch) noexcept;
  /// The run ends with `epoch` + 1. False, and nothing changes, when a later epoch has begun.
  bool stop_after(std::uint32_t epoch) noexcept;
  /// Moves the gate's own references to `into`, which has places() places; the caller drops them without the lock.
  void abandon(std::vector<Handle>& into) noexcept;
  std::size_t places() const { return entries_.size(); }

 private:
  struct Entry {
    Handle own;
    std::size_t finished = 0;
    bool begun = false, dead = false;
  };
  // Epochs that may be alive at once are ahead + 1 in a row, so each has a place of its own.
  Entry& at(std::uint64_t epoch) { return entries_[epoch % entries_.size()]; }

  std::uint32_t first_, last_;
  std::uint64_t ahead_;
  std::size_t sources_;
  std::uint64_t lowest_alive_;
  std::vector<Entry> entries_;
};

}  // namespace millrace::pipelines
