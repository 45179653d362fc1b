// Drives the sources: one permit, one block.
//
// No hold is ever dropped under the lock, because its end calls back into the ledger; nothing is allocated under it, because
// what is thrown would drop one. So a permit is decided on under the lock and made without it.
#include "permit_ledger.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {

struct PermitLedger::BlockToken {
  std::shared_ptr<PermitLedger> ledger;
  std::size_t source;
  BlockToken(std::shared_ptr<PermitLedger> l, std::size_t s) noexcept : ledger(std::move(l)), source(s) {}
  BlockToken(const BlockToken&) = delete;
  BlockToken& operator=(const BlockToken&) = delete;
  ~BlockToken() { ledger->return_block(source); }
};

struct PermitLedger::EpochHandle {
  std::shared_ptr<PermitLedger> ledger;
  std::uint32_t epoch;
  bool counts = false;  ///< it is the epoch's; another thread may have made one at the same time
  EpochHandle(std::shared_ptr<PermitLedger> l, std::uint32_t e) noexcept : ledger(std::move(l)), epoch(e) {}
  EpochHandle(const EpochHandle&) = delete;
  EpochHandle& operator=(const EpochHandle&) = delete;
  ~EpochHandle() {
    if (counts) ledger->end_epoch(epoch);
  }
};

PermitLedger::PermitLedger(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks)
    : gate_(std::move(gate)),
      hooks_(std::move(hooks)),
      first_pass_(gate_.first()),
      spare_(gate_.places()),
      told_(first_pass_) {
  for (SourceBudget& budget : sources) {
    Line line;
    line.budget = std::move(budget);
    line.budget.blocks = std::max<std::int64_t>(line.budget.blocks, 1);
    line.pass = first_pass_;
    lines_.push_back(std::move(line));
  }
}

std::shared_ptr<PermitLedger> PermitLedger::make(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks) {
  return std::shared_ptr<PermitLedger>(new PermitLedger(std::move(sources), std::move(gate), std::move(hooks)));
}

void PermitLedger::start() noexcept { pump(Lock(mutex_)); }

PermitLedger::Limit PermitLedger::limit_of(const Line& line) const {
  if (!line.in_pass && !gate_.may_start(line.pass)) return Limit::epoch;
  const std::size_t bytes = (static_cast<std::size_t>(line.state.alive) + 1) * line.budget.block_bytes;
  if (line.budget.bytes != 0 && line.state.alive > 0 && bytes > line.budget.bytes) return Limit::bytes;
  return line.state.alive >= line.budget.blocks ? Limit::blocks : Limit::none;
}

// A source never has two permits at once: only produce can tell that a pass is over.
std::optional<PermitLedger::Grant> PermitLedger::next_grant() noexcept {
  if (closed_) return std::nullopt;
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    Line& line = lines_[i];
    if (is_done(line) || limit_of(line) != Limit::none) continue;
    line.state.high = std::max(line.state.high, ++line.state.alive);
    line.running = true;
    return Grant{i, line.pass, !std::exchange(line.in_pass, true), gate_.begin(line.pass)};
  }
  return std::nullopt;
}

void PermitLedger::pump(Lock lock) noexcept {
  while (std::optional<Grant> grant = next_grant()) {
    lock.unlock();
    try {
      hand_out(std::move(*grant));
    } catch (...) {
      hooks_.failed(std::current_exception());
    }
    grant.reset();
    lock.lock();
  }
}

void PermitLedger::hand_out(Grant grant) {
  std::shared_ptr<const void> token;
  try {
    token = std::make_shared<const BlockToken>(shared_from_this(), grant.source);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    --lines_[grant.source].state.alive;
    throw;
  }
  auto hold = std::make_shared<PacketHold>();
  hold->tokens.push_back(std::move(token));
  hold->epoch = grant.own ? std::move(grant.own) : open_epoch(grant.epoch);
  hooks_.start({grant.source, grant.epoch, grant.begins_pass, std::move(hold)});
}

EpochGate::Handle PermitLedger::open_epoch(std::uint32_t epoch) {
  const auto made = std::make_shared<EpochHandle>(shared_from_this(), epoch);
  const std::lock_guard lock(mutex_);
  if (const EpochGate::Handle& own = gate_.begin(epoch)) return own;
  made->counts = true;
  ++epochs_alive_;
  if (!closed_) gate_.set_handle(epoch, made);
  return made;
}

void PermitLedger::produced(std::size_t source, bool last) noexcept {
  EpochGate::Handle own;  // before the lock, so that it goes after it
  Lock lock(mutex_);
  Line& line = lines_[source];
  line.running = false;
  if (last) {
    line.in_pass = false;
    own = gate_.finish(line.pass);
    ++line.pass;
    ++line.state.passes;
  }
  pump(std::move(lock));
}

void PermitLedger::return_block(std::size_t source) noexcept {
  Lock lock(mutex_);
  --lines_[source].state.alive;
  pump(std::move(lock));
}

void PermitLedger::end_epoch(std::uint32_t epoch) noexcept {
  Lock lock(mutex_);
  --epochs_alive_;
  if (closed_ || hooks_.stopping(epoch)) return;
  gate_.end(epoch);
  tell_ends(lock);
  pump(std::move(lock));
}

// Whoever tells goes on with what ends meanwhile: two threads might tell two ends in the wrong order.
void PermitLedger::tell_ends(Lock& lock) noexcept {
  if (telling_) return;
  telling_ = true;
  while (told_ < gate_.lowest_alive() && !closed_ && !hooks_.stopping(static_cast<std::uint32_t>(told_))) {
    const auto ended = static_cast<std::uint32_t>(told_++);
    lock.unlock();
    hooks_.epoch_ended(ended);
    lock.lock();
  }
  telling_ = false;
}

bool PermitLedger::waits_for_another(const Line& line) const {
  return std::any_of(line.budget.waits_for.begin(), line.budget.waits_for.end(), [&](std::size_t i) {
    const Limit limit = limit_of(lines_[i]);
    return &lines_[i] != &line && !is_done(lines_[i]) && (limit == Limit::blocks || limit == Limit::bytes);
  });
}

bool PermitLedger::widen() noexcept {
  Lock lock(mutex_);
  if (closed_) return false;
  // Decided for all before any is changed: who waits for another does so still.
  for (Line& line : lines_)
    line.starves = !is_done(line) && limit_of(line) == Limit::blocks && !waits_for_another(line);
  bool widened = false;
  for (Line& line : lines_) {
    if (!line.starves) continue;
    ++line.budget.blocks;
    ++line.state.widened;
    widened = true;
  }
  pump(std::move(lock));
  return widened;
}

void PermitLedger::stop_after(std::uint32_t from_epoch) {
  {
    const std::lock_guard lock(mutex_);
    if (gate_.stop_after(from_epoch)) return;
  }
  throw Error(ErrorKind::run, "stop-too-late",
              "the run was to end after epoch " + std::to_string(std::uint64_t{from_epoch} + 1) +
                  ", but a later pass has begun",
              "call stop_after while the packet with the metrics of that epoch is held, with `epochs_ahead` 0 or 1");
}

void PermitLedger::close() noexcept {
  std::vector<EpochGate::Handle> own;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  own.swap(spare_);
  if (!own.empty()) gate_.abandon(own);
}

std::uint32_t PermitLedger::last_pass() const {
  const std::lock_guard lock(mutex_);
  return gate_.last();
}

std::uint64_t PermitLedger::ends_told() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

PermitLedger::SourceState PermitLedger::source(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  SourceState state = lines_[index].state;
  state.limit = is_over(lines_[index]) ? Limit::none : limit_of(lines_[index]);
  return state;
}

std::size_t PermitLedger::held() const {
  const std::lock_guard lock(mutex_);
  std::size_t held = epochs_alive_;
  for (const Line& line : lines_) held += static_cast<std::size_t>(line.state.alive);
  return held;
}

}  // namespace millrace::pipelines
