// What an operation reads and writes, from which its place among the streams is found. Host code only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace millrace::cuda {

/// Bytes of the GPU's memory that an operation touches; at least what it touches.
struct Access {
  const void* begin = nullptr;
  std::size_t bytes = 0;
  bool reads = false, writes = false;
};

/// Is told by an operation's accesses() all that it touches. Null pointers stand for what it does without.
class AccessCollector {
 public:
  void touch(const void* begin, std::int64_t bytes, bool reads, bool writes) {
    if (begin != nullptr && bytes > 0) accesses_.push_back({begin, static_cast<std::size_t>(bytes), reads, writes});
  }
  void read_bytes(const void* begin, std::int64_t bytes) { touch(begin, bytes, true, false); }
  template <class T>
  void read(const T* from, std::int64_t count) {
    touch(from, count * static_cast<std::int64_t>(sizeof(T)), true, false);
  }
  template <class T>
  void write(T* to, std::int64_t count) {
    touch(to, count * static_cast<std::int64_t>(sizeof(T)), false, true);
  }
  /// Reads and writes.
  template <class T>
  void change(T* values, std::int64_t count) {
    touch(values, count * static_cast<std::int64_t>(sizeof(T)), true, true);
  }
  std::vector<Access> take() { return std::move(accesses_); }

 private:
  std::vector<Access> accesses_;
};

}  // namespace millrace::cuda
