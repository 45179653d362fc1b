// When a pass may start.
#include "epoch_gate.hpp"

#include <algorithm>
#include <utility>

namespace millrace::pipelines {

std::shared_ptr<const void> EpochGate::handle(std::uint32_t epoch, const Make& make) {
  Entry& entry = entries_[epoch];
  if (!entry.own) entry.own = make();
  return entry.own;
}

std::shared_ptr<const void> EpochGate::finish(std::uint32_t epoch) {
  Entry& entry = entries_[epoch];
  if (++entry.finished < sources_) return nullptr;
  return std::exchange(entry.own, nullptr);
}

std::vector<std::uint32_t> EpochGate::end(std::uint32_t epoch) {
  entries_[epoch].dead = true;
  std::vector<std::uint32_t> ended;
  for (auto it = entries_.begin(); it != entries_.end() && it->first == lowest_alive_ && it->second.dead;) {
    ended.push_back(it->first);
    it = entries_.erase(it);
    ++lowest_alive_;
  }
  return ended;
}

bool EpochGate::stop_after(std::uint32_t epoch) {
  const std::uint64_t last = std::uint64_t{epoch} + 1;
  if (last >= last_) return true;
  if (!entries_.empty() && entries_.rbegin()->first > last) return false;
  last_ = static_cast<std::uint32_t>(last);
  return true;
}

std::vector<std::shared_ptr<const void>> EpochGate::abandon() {
  std::vector<std::shared_ptr<const void>> own;
  for (auto& [epoch, entry] : entries_) own.push_back(std::exchange(entry.own, nullptr));
  return own;
}

}  // namespace millrace::pipelines
