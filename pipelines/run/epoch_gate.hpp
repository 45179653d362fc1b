// When a pass may start: pass e waits until nothing of pass e-1-epochs_ahead is alive, so what a run keeps is bounded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace millrace::pipelines {

/// Plain bookkeeping; the ledger guards it with its lock. Every source makes every pass.
class EpochGate {
 public:
  EpochGate(std::uint32_t first, std::uint32_t last, std::uint32_t ahead, std::size_t sources)
      : first_(first), last_(last), ahead_(ahead), sources_(sources), lowest_alive_(first) {}

  std::uint32_t first() const { return first_; }
  std::uint32_t last() const { return last_; }
  bool may_start(std::uint32_t epoch) const { return epoch <= last_ && epoch <= lowest_alive_ + ahead_; }

  using Make = std::function<std::shared_ptr<const void>()>;
  /// The handle of an epoch that some source has not finished; `make` makes it for the first that asks.
  std::shared_ptr<const void> handle(std::uint32_t epoch, const Make& make);
  /// A source has finished its pass. When it was the last one, the gate's own reference comes back: the caller drops it
  /// without the lock, because that may end the epoch.
  std::shared_ptr<const void> finish(std::uint32_t epoch);
  /// Nothing holds `epoch` any more. Returns the epochs that have thereby ended, in order.
  std::vector<std::uint32_t> end(std::uint32_t epoch);
  /// The run ends with `epoch` + 1. False, and nothing changes, when a later pass has begun.
  bool stop_after(std::uint32_t epoch);
  /// Gives up the gate's own references; the caller drops them without the lock.
  std::vector<std::shared_ptr<const void>> abandon();

 private:
  struct Entry {
    std::shared_ptr<const void> own;
    std::size_t finished = 0;
    bool dead = false;
  };
  std::uint32_t first_, last_;
  std::uint64_t ahead_;
  std::size_t sources_;
  std::uint64_t lowest_alive_;
  std::map<std::uint32_t, Entry> entries_;  ///< from lowest_alive_ on
};

}  // namespace millrace::pipelines
