// The pieces of JSON that a journal's line is made of, taken from the front of a text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace millrace {

using JsonScalar = std::variant<bool, std::int64_t, double, std::string>;

/// Spaces between pieces are skipped. Everything answers false when the piece is not there as RFC 8259 wants it, and then where it stands is
/// not specified. Nothing is thrown, for a torn line is no error.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : rest_(text) {}

  bool is_at_end();
  bool take(std::string_view piece);
  /// `name` with its quotation marks, and a colon.
  bool key(std::string_view name) { return take(name) && take(":"); }
  /// One that 64 bits hold.
  bool whole_number(std::int64_t& value);
  /// Escapes are replaced; `out` is UTF-8.
  bool text(std::string& out);
  /// A text, a number, true or false. A number with a point or an exponent is a double.
  bool value(JsonScalar& out);

 private:
  void skip_space();
  std::size_t digits_from(std::size_t at) const;
  std::string_view take_number();

  std::string_view rest_;
};

}  // namespace millrace
