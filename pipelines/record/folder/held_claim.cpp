// A beat that a file server refuses is tried again at the next; one that finds the claim lost is the last.
#include "held_claim.hpp"

#include <millrace/error.hpp>

#include <utility>

namespace millrace::pipelines {
namespace {

constexpr int kBeatsALease = 6;  // Claim asks for three; a file server may miss some

}  // namespace

HeldClaim::HeldClaim(Claim claim, std::chrono::milliseconds lease)
    : pause_(lease / kBeatsALease), claim_(std::move(claim)), thread_([this] { keep_beating(); }) {}

HeldClaim::~HeldClaim() {
  {
    const std::lock_guard lock(state_mutex_);
    is_over_ = true;
  }
  over_.notify_all();
  thread_.join();
}

std::int64_t HeldClaim::attempt() const { return claim_.attempt(); }

void HeldClaim::beat() {
  const std::lock_guard lock(claim_mutex_);
  beat_locked();
}

void HeldClaim::beat_locked() try { claim_.beat(); } catch (const Error& error) {
  const std::lock_guard lock(state_mutex_);
  if (error.name() == "claim-lost" && !lost_) lost_ = std::current_exception();
  throw;
}

void HeldClaim::require_held() const {
  const std::lock_guard lock(state_mutex_);
  if (lost_) std::rethrow_exception(lost_);
}

bool HeldClaim::commit(const std::string& path, std::string_view content) {
  const std::lock_guard lock(claim_mutex_);
  return claim_.commit(path, content);
}

void HeldClaim::keep_beating() {
  std::unique_lock lock(state_mutex_);
  while (!over_.wait_for(lock, pause_, [this] { return is_over_ || lost_ != nullptr; })) {
    lock.unlock();
    try {
      beat();
    } catch (...) {  // NOLINT(bugprone-empty-catch): whoever counts on the claim asks for it
    }
    lock.lock();
  }
}

}  // namespace millrace::pipelines
