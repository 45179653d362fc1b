// A free list ordered by offset: allocation is first fit, and a piece that comes back coalesces with its free neighbors.
#include "cuda/device/slab_map.hpp"

#include <iterator>
#include <stdexcept>

namespace millrace::cuda {

SlabMap::SlabMap(std::size_t size) : size_(size / kAlignment * kAlignment) {
  if (size_ > 0) free_[0] = size_;
}

std::size_t SlabMap::rounded(std::size_t bytes) {
  return bytes == 0 ? kAlignment : (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::optional<std::size_t> SlabMap::take(std::size_t bytes) {
  const std::size_t wanted = rounded(bytes);
  for (auto piece = free_.begin(); piece != free_.end(); ++piece) {
    if (piece->second < wanted) continue;
    const auto [offset, length] = *piece;
    free_.erase(piece);
    if (length > wanted) free_[offset + wanted] = length - wanted;
    return offset;
  }
  return std::nullopt;
}

void SlabMap::give_back(std::size_t offset, std::size_t bytes) {
  std::size_t length = rounded(bytes);
  auto after = free_.lower_bound(offset);
  const bool meets_next = after != free_.end() && offset + length > after->first;
  const bool meets_last = after != free_.begin() && std::prev(after)->first + std::prev(after)->second > offset;
  if (meets_next || meets_last || offset + length > size_)
    throw std::logic_error("a piece of a slab came back twice, or never was one");
  if (after != free_.end() && after->first == offset + length) {
    length += after->second;
    after = free_.erase(after);
  }
  if (after != free_.begin() && std::prev(after)->first + std::prev(after)->second == offset) {
    std::prev(after)->second += length;
    return;
  }
  free_[offset] = length;
}

bool SlabMap::is_empty() const { return size_ == 0 || (free_.size() == 1 && free_.begin()->second == size_); }

}  // namespace millrace::cuda
