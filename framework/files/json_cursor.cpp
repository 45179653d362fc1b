// No tree of values is built: who takes the pieces knows the grammar, so that nothing nests deeper than it does, and a duplicate or a
// number that no integer holds is seen where it stands.
#include "json_cursor.hpp"

#include <millrace/detail/utf8.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace millrace {
namespace {

constexpr const char* kHeader = "safetensors-header";
constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

std::string shown_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte < 0x7F ? fmt::format("`{}`", c) : fmt::format("0x{:02x}", byte);
}

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

}  // namespace

JsonCursor::JsonCursor(std::string_view text, std::uint64_t start, const std::string& path)
    : rest_(text), whole_(text.size()), start_(start), path_(path) {}

void JsonCursor::fail(std::uint64_t offset, const char* name, const std::string& what) const {
  throw Error(ErrorKind::data, name, fmt::format("{}: at byte {}: {}", path_, offset, what),
              "take another copy of the file, or write it again");
}

void JsonCursor::fail_here(const std::string& what) const { fail(offset(), kHeader, what); }

std::uint64_t JsonCursor::next() {
  while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  return offset();
}

bool JsonCursor::take(char c) {
  next();
  if (!rest_.starts_with(c)) return false;
  rest_.remove_prefix(1);
  return true;
}

void JsonCursor::expect(char c) {
  if (take(c)) return;
  fail_here(rest_.empty() ? fmt::format("the header ends where `{}` is expected", c)
                          : fmt::format("{} where `{}` is expected", shown_byte(rest_.front()), c));
}

void JsonCursor::expect_end() {
  next();
  if (!rest_.empty()) fail_here(fmt::format("{} behind the end of the header's object", shown_byte(rest_.front())));
}

std::string JsonCursor::text() {
  expect('"');
  std::string out;
  while (!rest_.empty() && rest_.front() != '"') {
    if (rest_.front() == '\\') {
      take_escape(out);
      continue;
    }
    const std::size_t length = sequence_length(rest_.substr(0, 4));
    if (length == 0) fail(offset(), "safetensors-utf8", fmt::format("{} is not UTF-8", shown_byte(rest_.front())));
    if (is_control(rest_.front()))
      fail_here(fmt::format("the control character {} inside of a text", shown_byte(rest_.front())));
    out += rest_.substr(0, length);
    rest_.remove_prefix(length);
  }
  expect('"');
  return out;
}

void JsonCursor::take_escape(std::string& out) {
  const std::uint64_t escape = offset();
  rest_.remove_prefix(1);
  if (rest_.starts_with('u')) return append_utf8(out, code_point(escape));
  const std::size_t which = rest_.empty() ? std::string_view::npos : kEscapes.find(rest_.front());
  if (which == std::string_view::npos) fail(escape, kHeader, "an escape that JSON does not have");
  out += kMeant[which];
  rest_.remove_prefix(1);
}

// A character beyond U+FFFF is written as two escapes, a surrogate each.
char32_t JsonCursor::code_point(std::uint64_t escape) {
  const char32_t first = code_unit(escape);
  if (first < 0xD800 || first > 0xDFFF) return first;
  const bool is_pair = first < 0xDC00 && rest_.starts_with("\\u");
  if (is_pair) rest_.remove_prefix(1);
  const char32_t second = is_pair ? code_unit(escape) : 0;
  if (second < 0xDC00 || second > 0xDFFF) fail(escape, "safetensors-utf8", "half of a pair of surrogates");
  return 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
}

char32_t JsonCursor::code_unit(std::uint64_t escape) {
  constexpr std::size_t kDigits = 4;
  rest_.remove_prefix(1);  // the u
  const std::string_view digits = rest_.substr(0, kDigits);
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() < kDigits || error != std::errc() || end != digits.data() + kDigits)
    fail(escape, kHeader, "\\u needs four hexadecimal digits");
  rest_.remove_prefix(kDigits);
  return value;
}

std::uint64_t JsonCursor::integer(const char* name) {
  const std::uint64_t begin = next();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
  if (error == std::errc::result_out_of_range) fail(begin, name, "a number beyond 63 bits");
  const std::string_view digits = rest_.substr(0, static_cast<std::size_t>(end - rest_.data()));
  const std::string_view behind = rest_.substr(digits.size());
  const bool is_fraction = !behind.empty() && std::string_view(".eE").find(behind.front()) != std::string_view::npos;
  if (error != std::errc() || digits.starts_with('-') || is_fraction)
    fail(begin, name, "not a whole number of 0 or more");
  if (digits.size() > 1 && digits.starts_with('0')) fail(begin, kHeader, "a number with a leading zero");
  rest_ = behind;
  return static_cast<std::uint64_t>(value);
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

}  // namespace millrace
