// Which parts of a slab of memory are taken. Pure arithmetic on offsets: it never touches the memory.
#pragma once

#include <cstddef>
#include <map>
#include <optional>

namespace millrace::cuda {

/// First fit over one range of `size` bytes; neighbors that come back are joined. One thread at a time.
class SlabMap {
 public:
  static constexpr std::size_t kAlignment = 256;  ///< what cudaMalloc gives, and cuBLASLt wants of a workspace

  explicit SlabMap(std::size_t size);
  /// Rounded up to the alignment; never 0.
  static std::size_t rounded(std::size_t bytes);
  /// Offset of a free piece of rounded(bytes), or nothing when no piece is large enough.
  std::optional<std::size_t> take(std::size_t bytes);
  /// Gives back what take(bytes) gave. Throws std::logic_error when that piece overlaps a free one.
  void give_back(std::size_t offset, std::size_t bytes);
  bool is_empty() const;

 private:
  std::size_t size_;
  std::map<std::size_t, std::size_t> free_;  ///< offset -> length
};

}  // namespace millrace::cuda
