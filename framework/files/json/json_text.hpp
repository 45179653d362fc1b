// What stands between the quotation marks of a JSON text: escapes, surrogates and UTF-8, read and written.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

/// Why a text is not as RFC 8259 wants it.
struct JsonTextFault {
  std::size_t at;    ///< bytes from where reading began
  bool is_encoding;  ///< no Unicode, as opposed to no JSON
  std::string what;
};

/// Takes from the front of `rest` all that is in front of the closing quotation mark, or everything if there is none, and appends it to `out` with
/// escapes replaced. After a fault `rest` and `out` are somewhere in the middle.
std::optional<JsonTextFault> take_json_text(std::string_view& rest, std::string& out);

/// `text` between quotation marks, with as few escapes as JSON allows; `text` is UTF-8.
void append_json_text(std::string& out, std::string_view text);

/// A byte for a message: as it is if it can be seen, else in hexadecimal.
std::string shown_byte(char c);

}  // namespace millrace
