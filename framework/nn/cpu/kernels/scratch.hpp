// One block of a device's memory cut into aligned pieces, so that the sum can be told before anything is allocated.
#pragma once

#include <millrace/device.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace millrace::cpu {

/// Hands out offsets; `bytes()` is then what a Scratch needs.
class ScratchLayout {
 public:
  /// Offset of `count` values of `size` bytes each, aligned to 64.
  std::size_t take(std::int64_t count, std::size_t size) {
    const std::size_t offset = bytes_;
    bytes_ += (static_cast<std::size_t>(count) * size + 63) / 64 * 64;
    return offset;
  }
  std::size_t floats(std::int64_t count) { return take(count, sizeof(float)); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

class Scratch {
 public:
  Scratch(Allocator& allocator, std::size_t bytes) : memory_(allocator.allocate(bytes)), bytes_(bytes) {}
  template <class T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(memory_.get() + offset);
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<std::byte> memory_;
  std::size_t bytes_;
};

}  // namespace millrace::cpu
