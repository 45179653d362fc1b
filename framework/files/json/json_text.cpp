// Two readers of JSON need texts, one that names the byte of a fault and one that only asks whether there is any.
#include "json_text.hpp"

#include <millrace/detail/utf8.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

namespace millrace {
namespace {

constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

void append_utf8(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(bits); };
  const auto tail = [&](unsigned shift) { put(0x80U | (c >> shift & 0x3FU)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0U | c >> 6U);
  } else if (c < 0x10000) {
    put(0xE0U | c >> 12U);
    tail(6);
  } else {
    put(0xF0U | c >> 18U);
    tail(12);
    tail(6);
  }
  tail(0);
}

/// Every member answers false at a fault, which is then in `fault`.
class TextReader {
 public:
  TextReader(std::string_view& rest, std::string& out) : rest_(rest), out_(out), whole_(rest.size()) {}

  bool read() {
    while (!rest_.empty() && rest_.front() != '"')
      if (rest_.front() == '\\' ? !take_escape() : !take_character()) return false;
    return true;
  }

  std::optional<JsonTextFault> fault;

 private:
  std::size_t at() const { return whole_ - rest_.size(); }

  bool fail(std::size_t where, bool is_encoding, std::string what) {
    fault = {.at = where, .is_encoding = is_encoding, .what = std::move(what)};
    return false;
  }

  bool take_character() {
    const std::size_t length = sequence_length(rest_.substr(0, 4));
    if (length == 0) return fail(at(), true, fmt::format("{} is not UTF-8", shown_byte(rest_.front())));
    if (is_control(rest_.front()))
      return fail(at(), false, fmt::format("the control character {} inside of a text", shown_byte(rest_.front())));
    out_ += rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

  bool take_escape() {
    const std::size_t escape = at();
    rest_.remove_prefix(1);
    if (rest_.starts_with('u')) return take_code_point(escape);
    const std::size_t which = rest_.empty() ? std::string_view::npos : kEscapes.find(rest_.front());
    if (which == std::string_view::npos) return fail(escape, false, "an escape that JSON does not have");
    out_ += kMeant[which];
    rest_.remove_prefix(1);
    return true;
  }

  // A character beyond U+FFFF is written as two escapes, a surrogate each.
  bool take_code_point(std::size_t escape) {
    std::uint16_t first = 0, second = 0;
    if (!take_code_unit(escape, first)) return false;
    if (first < 0xD800 || first > 0xDFFF) {
      append_utf8(out_, first);
      return true;
    }
    const bool is_pair = first < 0xDC00 && rest_.starts_with("\\u");
    if (is_pair) rest_.remove_prefix(1);
    if (is_pair && !take_code_unit(escape, second)) return false;
    if (second < 0xDC00 || second > 0xDFFF) return fail(escape, true, "half of a pair of surrogates");
    append_utf8(out_, 0x10000 + ((char32_t{first} - 0xD800) << 10U) + (char32_t{second} - 0xDC00));
    return true;
  }

  bool take_code_unit(std::size_t escape, std::uint16_t& value) {
    constexpr std::size_t kDigits = 4;
    rest_.remove_prefix(1);  // the u
    const std::string_view digits = rest_.substr(0, kDigits);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() < kDigits || error != std::errc() || end != digits.data() + kDigits)
      return fail(escape, false, "\\u needs four hexadecimal digits");
    rest_.remove_prefix(kDigits);
    return true;
  }

  std::string_view& rest_;
  std::string& out_;
  std::size_t whole_;
};

}  // namespace

std::optional<JsonTextFault> take_json_text(std::string_view& rest, std::string& out) {
  TextReader reader(rest, out);
  reader.read();
  return std::move(reader.fault);
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    const std::size_t which = c == '/' ? std::string_view::npos : kMeant.find(c);
    if (which != std::string_view::npos)
      (out += '\\') += kEscapes[which];
    else if (is_control(c))
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  out += '"';
}

std::string shown_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F ? fmt::format("`{}`", c) : fmt::format("0x{:02x}", byte);
}

}  // namespace millrace
