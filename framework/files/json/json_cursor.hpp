// The pieces of JSON that a safetensors header is made of, taken from the front of a text, strictly and with their places in the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace millrace {

/// Space between pieces is skipped. Whatever is not as RFC 8259 wants it is refused: Error(data) whose sentence names the file and the byte,
/// "safetensors-header" unless said. `text` and `path` outlive the cursor.
class JsonCursor {
 public:
  /// `text` begins at byte `start` of the file.
  JsonCursor(std::string_view text, std::uint64_t start, const std::string& path);

  /// Takes `c` if it comes next.
  bool take(char c);
  void expect(char c);
  /// A text, its escapes replaced. Also throws safetensors-utf8.
  std::string text();
  /// A whole number of 0 or more, at most 2^63 - 1. What is none is refused by the name `name`.
  std::uint64_t integer(const char* name);
  /// Nothing but space follows.
  void expect_end();

  /// Byte of the file at which the next piece begins.
  std::uint64_t next();
  /// "PATH: at byte OFFSET: WHAT".
  [[noreturn]] void fail(std::uint64_t offset, const char* name, const std::string& what) const;

 private:
  std::uint64_t offset() const { return start_ + (whole_ - rest_.size()); }
  [[noreturn]] void fail_here(const std::string& what) const;

  std::string_view rest_;
  std::size_t whole_;
  std::uint64_t start_;
  const std::string& path_;
};

}  // namespace millrace
