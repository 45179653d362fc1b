// A file's bytes in order, decompressed when the file is gzip (told by its first two bytes).
#pragma once

#include <millrace/detail/export.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace millrace {

/// Reads once, from front to back. One thread at a time. Errors are of kind data and name the file and the byte offset.
class MILLRACE_EXPORT ByteReader {
 public:
  /// Throws what InputFile throws.
  explicit ByteReader(const std::string& path);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  /// Fills `out` as far as the data goes; fewer bytes mean the end. Throws gzip-truncated, gzip-corrupt, gzip-trailing (neither
  /// zeros nor a further member after one; all members are one text), file-unreadable.
  std::size_t read(std::span<std::byte> out);
  /// Whether the data ends here. Reads ahead one byte, and checks gzip's own checksum and what follows it.
  bool at_end();
  bool is_gzip() const;
  /// Decompressed bytes read so far.
  std::uint64_t position() const;
  /// Size of the file on disk.
  std::uint64_t file_bytes() const;
  const std::string& path() const;
  /// Throws file-changed when size or modification time differ from when it was opened.
  void check_unchanged() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace millrace
