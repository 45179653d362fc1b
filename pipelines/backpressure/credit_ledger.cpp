// Drives the sources: one credit, one block.
//
// No lease is ever dropped under the lock, because its end calls back into the ledger; nothing is allocated under it, because
// what is thrown would drop one. So a credit is decided on under the lock and made without it.
#include "credit_ledger.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <utility>

namespace millrace::pipelines {

struct CreditLedger::BlockCredit {
  std::shared_ptr<CreditLedger> ledger;
  std::size_t source;
  BlockCredit(std::shared_ptr<CreditLedger> l, std::size_t s) noexcept : ledger(std::move(l)), source(s) {}
  BlockCredit(const BlockCredit&) = delete;
  BlockCredit& operator=(const BlockCredit&) = delete;
  ~BlockCredit() { ledger->return_block(source); }
};

struct CreditLedger::EpochHandle {
  std::shared_ptr<CreditLedger> ledger;
  std::uint32_t epoch;
  bool counts = false;  ///< it is the epoch's; another thread may have made one at the same time
  EpochHandle(std::shared_ptr<CreditLedger> l, std::uint32_t e) noexcept : ledger(std::move(l)), epoch(e) {}
  EpochHandle(const EpochHandle&) = delete;
  EpochHandle& operator=(const EpochHandle&) = delete;
  ~EpochHandle() {
    if (counts) ledger->end_epoch(epoch);
  }
};

CreditLedger::CreditLedger(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks)
    : gate_(std::move(gate)),
      hooks_(std::move(hooks)),
      first_epoch_(gate_.first()),
      spare_(gate_.places()),
      told_(first_epoch_) {
  for (SourceBudget& budget : sources) {
    Account account;
    account.budget = std::move(budget);
    account.budget.blocks = std::max<std::int64_t>(account.budget.blocks, 1);
    account.epoch = first_epoch_;
    accounts_.push_back(std::move(account));
  }
}

std::shared_ptr<CreditLedger> CreditLedger::make(std::vector<SourceBudget> sources, EpochGate gate, LedgerHooks hooks) {
  return std::shared_ptr<CreditLedger>(new CreditLedger(std::move(sources), std::move(gate), std::move(hooks)));
}

void CreditLedger::start() noexcept { pump(Lock(mutex_)); }

CreditLedger::Limit CreditLedger::limit_of(const Account& account) const {
  if (!account.in_epoch && !gate_.may_start(account.epoch)) return Limit::epoch;
  const std::size_t bytes = (static_cast<std::size_t>(account.state.alive) + 1) * account.budget.block_bytes;
  if (account.budget.bytes != 0 && account.state.alive > 0 && bytes > account.budget.bytes) return Limit::bytes;
  return account.state.alive >= account.budget.blocks ? Limit::blocks : Limit::none;
}

// A source never has two credits at once: only produce can tell that an epoch is over.
std::optional<CreditLedger::Grant> CreditLedger::next_grant() noexcept {
  if (closed_) return std::nullopt;
  for (std::size_t i = 0; i < accounts_.size(); ++i) {
    Account& account = accounts_[i];
    if (is_done(account) || limit_of(account) != Limit::none) continue;
    account.state.high = std::max(account.state.high, ++account.state.alive);
    account.running = true;
    return Grant{i, account.epoch, !std::exchange(account.in_epoch, true), gate_.begin(account.epoch)};
  }
  return std::nullopt;
}

void CreditLedger::pump(Lock lock) noexcept {
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

void CreditLedger::hand_out(Grant grant) {
  std::shared_ptr<const void> credit;
  try {
    credit = std::make_shared<const BlockCredit>(shared_from_this(), grant.source);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    --accounts_[grant.source].state.alive;
    throw;
  }
  auto lease = std::make_shared<PacketLease>();
  lease->credits.push_back(std::move(credit));
  lease->epoch = grant.own ? std::move(grant.own) : open_epoch(grant.epoch);
  hooks_.start({grant.source, grant.epoch, grant.begins_epoch, std::move(lease)});
}

EpochGate::Handle CreditLedger::open_epoch(std::uint32_t epoch) {
  const auto made = std::make_shared<EpochHandle>(shared_from_this(), epoch);
  const std::lock_guard lock(mutex_);
  if (const EpochGate::Handle& own = gate_.begin(epoch)) return own;
  made->counts = true;
  ++epochs_alive_;
  if (!closed_) gate_.set_handle(epoch, made);
  return made;
}

void CreditLedger::produced(std::size_t source, bool last) noexcept {
  EpochGate::Handle own;  // before the lock, so that it goes after it
  Lock lock(mutex_);
  Account& account = accounts_[source];
  account.running = false;
  if (last) {
    account.in_epoch = false;
    own = gate_.finish(account.epoch);
    ++account.epoch;
    ++account.state.epochs;
  }
  pump(std::move(lock));
}

void CreditLedger::return_block(std::size_t source) noexcept {
  Lock lock(mutex_);
  --accounts_[source].state.alive;
  pump(std::move(lock));
}

void CreditLedger::end_epoch(std::uint32_t epoch) noexcept {
  Lock lock(mutex_);
  --epochs_alive_;
  if (closed_ || hooks_.stopping(epoch)) return;
  gate_.end(epoch);
  tell_ends(lock);
  pump(std::move(lock));
}

// One thread tells all ends, those that come meanwhile too: two threads might tell them in the wrong order.
void CreditLedger::tell_ends(Lock& lock) noexcept {
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

bool CreditLedger::waits_for_another(const Account& account) const {
  return std::any_of(account.budget.waits_for.begin(), account.budget.waits_for.end(), [&](std::size_t i) {
    const Limit limit = limit_of(accounts_[i]);
    return &accounts_[i] != &account && !is_done(accounts_[i]) && (limit == Limit::blocks || limit == Limit::bytes);
  });
}

bool CreditLedger::widen() noexcept {
  Lock lock(mutex_);
  if (closed_) return false;
  // Decided for all before any is changed: until then each source still waits for those it waited for.
  for (Account& account : accounts_)
    account.starves = !is_done(account) && limit_of(account) == Limit::blocks && !waits_for_another(account);
  bool widened = false;
  for (Account& account : accounts_) {
    if (!account.starves) continue;
    ++account.budget.blocks;
    ++account.state.widened;
    widened = true;
  }
  pump(std::move(lock));
  return widened;
}

void CreditLedger::stop_after(std::uint32_t from_epoch) {
  {
    const std::lock_guard lock(mutex_);
    if (gate_.stop_after(from_epoch)) return;
  }
  throw Error(ErrorKind::run, "stop-too-late",
              "the run was to end after epoch " + std::to_string(std::uint64_t{from_epoch} + 1) +
                  ", but a later epoch has begun",
              "call stop_after while the packet with the metrics of that epoch is held, with `epochs_ahead` 0 or 1");
}

void CreditLedger::close() noexcept {
  std::vector<EpochGate::Handle> own;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  own.swap(spare_);
  if (!own.empty()) gate_.abandon(own);
}

std::uint32_t CreditLedger::last_epoch() const {
  const std::lock_guard lock(mutex_);
  return gate_.last();
}

std::uint64_t CreditLedger::ends_told() const {
  const std::lock_guard lock(mutex_);
  return told_;
}

CreditLedger::SourceState CreditLedger::source(std::size_t index) const {
  const std::lock_guard lock(mutex_);
  SourceState state = accounts_[index].state;
  state.limit = is_over(accounts_[index]) ? Limit::none : limit_of(accounts_[index]);
  return state;
}

std::size_t CreditLedger::outstanding() const {
  const std::lock_guard lock(mutex_);
  std::size_t leases = epochs_alive_;
  for (const Account& account : accounts_) leases += static_cast<std::size_t>(account.state.alive);
  return leases;
}

}  // namespace millrace::pipelines
