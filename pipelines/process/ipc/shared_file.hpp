// Memory that two processes share: an anonymous file, which is gone when both have gone, whatever ended them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::pipelines {

/// Owns its descriptor. The file grows and never shrinks, so that what has been read once can be read again. Use
/// `read` and `write` where the other side is not trusted: they fail with an error where a mapping would fault.
/// All throw Error("no-shared-memory", run).
class SharedFile {
 public:
  /// A new file; `name` is for people who look at the system's list of mappings.
  explicit SharedFile(const char* name);
  /// The other process's end.
  explicit SharedFile(int descriptor) : descriptor_(descriptor) {}
  ~SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;

  int descriptor() const { return descriptor_; }
  std::uint64_t size() const;
  void grow_to(std::uint64_t bytes);
  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void read(std::uint64_t offset, std::span<std::byte> bytes) const;
  /// Stays mapped until the process ends. `offset` is a multiple of the page size.
  std::byte* map(std::uint64_t offset, std::size_t bytes, bool writable) const;

 private:
  int descriptor_;
};

/// `bytes` rounded up to whole pages, one at least.
std::uint64_t whole_pages(std::uint64_t bytes);

}  // namespace millrace::pipelines
