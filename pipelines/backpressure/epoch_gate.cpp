// A ring of epochs_ahead + 1 entries, one for each epoch that may be alive at once.
#include "epoch_gate.hpp"

#include <algorithm>
#include <utility>

namespace millrace::pipelines {

EpochGate::EpochGate(std::uint32_t first, std::uint32_t last, std::uint32_t ahead, std::size_t sources)
    : first_(first), last_(last), ahead_(std::min(ahead, last - first)), sources_(sources), lowest_alive_(first) {
  entries_.resize(static_cast<std::size_t>(ahead_) + 1);
}

const EpochGate::Handle& EpochGate::begin(std::uint32_t epoch) noexcept {
  at(epoch).begun = true;
  return at(epoch).own;
}

EpochGate::Handle EpochGate::finish(std::uint32_t epoch) noexcept {
  Entry& entry = at(epoch);
  if (++entry.finished < sources_) return nullptr;
  return std::exchange(entry.own, nullptr);
}

void EpochGate::end(std::uint32_t epoch) noexcept {
  at(epoch).dead = true;
  while (at(lowest_alive_).dead) {
    at(lowest_alive_) = Entry();
    ++lowest_alive_;
  }
}

bool EpochGate::stop_after(std::uint32_t epoch) noexcept {
  const std::uint64_t last = std::uint64_t{epoch} + 1;
  if (last >= last_) return true;
  if (lowest_alive_ > last + 1) return false;
  for (std::uint64_t later = last + 1; later <= lowest_alive_ + ahead_; ++later)
    if (at(later).begun) return false;
  last_ = static_cast<std::uint32_t>(last);
  return true;
}

void EpochGate::abandon(std::vector<Handle>& into) noexcept {
  for (std::size_t i = 0; i < entries_.size(); ++i) into[i] = std::exchange(entries_[i].own, nullptr);
}

}  // namespace millrace::pipelines
