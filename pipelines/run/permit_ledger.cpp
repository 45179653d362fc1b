// Drives the sources: one permit, one block.
//
// No hold is ever dropped under the lock: its end calls back into the ledger.
#include "permit_ledger.hpp"

#include <millrace/error.hpp>

#include <algorithm>

namespace millrace::pipelines {

struct PermitLedger::BlockToken {
  std::shared_ptr<PermitLedger> ledger;
  std::size_t source;
  BlockToken(std::shared_ptr<PermitLedger> l, std::size_t s) : ledger(std::move(l)), source(s) {}
  BlockToken(const BlockToken&) = delete;
  BlockToken& operator=(const BlockToken&) = delete;
  ~BlockToken() { ledger->return_block(source); }
};

struct PermitLedger::EpochHandle {
  std::shared_ptr<PermitLedger> ledger;
  std::uint32_t epoch;
  EpochHandle(std::shared_ptr<PermitLedger> l, std::uint32_t e) : ledger(std::move(l)), epoch(e) {}
  EpochHandle(const EpochHandle&) = delete;
  EpochHandle& operator=(const EpochHandle&) = delete;
  ~EpochHandle() { ledger->end_epoch(epoch); }
};

PermitLedger::PermitLedger(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks)
    : gate_(std::move(gate)), hooks_(std::move(hooks)) {
  for (SourceBudget& budget : sources) {
    Line line;
    line.budget = std::move(budget);
    line.pass = gate_.first();
    lines_.push_back(std::move(line));
  }
}

std::shared_ptr<PermitLedger> PermitLedger::make(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks) {
  return std::shared_ptr<PermitLedger>(new PermitLedger(std::move(sources), std::move(gate), std::move(hooks)));
}

void PermitLedger::start() {
  const std::lock_guard lock(mutex_);
  pump();
}

bool PermitLedger::may_run(const Line& line) const {
  if (line.running || line.pass > gate_.last()) return false;
  if (line.state.alive >= std::max<std::int64_t>(line.budget.blocks, 1)) return false;
  const std::size_t bytes = (static_cast<std::size_t>(line.state.alive) + 1) * line.budget.block_bytes;
  if (line.budget.bytes != 0 && line.state.alive > 0 && bytes > line.budget.bytes) return false;
  return line.in_pass || gate_.may_start(line.pass);
}

Permit PermitLedger::make_permit(std::size_t index) {
  Line& line = lines_[index];
  auto hold = std::make_shared<PacketHold>();
  hold->epoch = gate_.handle(line.pass, [&] {
    ++epochs_alive_;
    return std::make_shared<const EpochHandle>(shared_from_this(), line.pass);
  });
  hold->tokens.push_back(std::make_shared<const BlockToken>(shared_from_this(), index));
  line.state.high = std::max(line.state.high, ++line.state.alive);
  line.running = true;
  Permit permit{index, line.pass, !line.in_pass, std::move(hold)};
  line.in_pass = true;
  return permit;
}

// A source never has two permits at once: only produce can tell that a pass is over.
void PermitLedger::pump() {
  if (closed_ || hooks_.stopping()) return;
  for (std::size_t i = 0; i < lines_.size(); ++i)
    if (may_run(lines_[i])) hooks_.start(make_permit(i));
}

void PermitLedger::produced(std::size_t source, bool last) {
  std::shared_ptr<const void> own;  // before the lock, so that it goes after it
  const std::lock_guard lock(mutex_);
  Line& line = lines_[source];
  line.running = false;
  if (last) {
    line.in_pass = false;
    own = gate_.finish(line.pass);
    ++line.pass;
    ++line.state.passes;
  }
  pump();
}

void PermitLedger::return_block(std::size_t source) noexcept {
  const std::lock_guard lock(mutex_);
  --lines_[source].state.alive;
  pump();
}

void PermitLedger::end_epoch(std::uint32_t epoch) noexcept {
  const std::lock_guard lock(mutex_);
  --epochs_alive_;
  if (closed_ || hooks_.stopping()) return;
  for (const std::uint32_t ended : gate_.end(epoch)) hooks_.epoch_ended(ended);
  pump();
}

void PermitLedger::stop_after(std::uint32_t from_epoch) {
  const std::lock_guard lock(mutex_);
  if (gate_.stop_after(from_epoch)) return;
  throw Error(ErrorKind::run, "stop-too-late",
              "the run was to end after epoch " + std::to_string(std::uint64_t{from_epoch} + 1) +
                  ", but a later pass has begun",
              "call stop_after while the packet with the metrics of that epoch is held, with `epochs_ahead` 0 or 1");
}

void PermitLedger::close() {
  std::vector<std::shared_ptr<const void>> own;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  own = gate_.abandon();
}

std::uint32_t PermitLedger::first_pass() const { return gate_.first(); }

std::uint32_t PermitLedger::last_pass() const {
  const std::lock_guard lock(mutex_);
  return gate_.last();
}

PermitLedger::SourceState PermitLedger::source(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  return lines_[index].state;
}

std::size_t PermitLedger::held() const {
  const std::lock_guard lock(mutex_);
  std::size_t held = epochs_alive_;
  for (const Line& line : lines_) held += static_cast<std::size_t>(line.state.alive);
  return held;
}

}  // namespace millrace::pipelines
