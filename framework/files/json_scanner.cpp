// No tree is built and nothing nests, so that a hostile line costs no more than its length.
#include "json_scanner.hpp"

#include <millrace/detail/utf8.hpp>

#include <charconv>
#include <system_error>

namespace millrace {
namespace {

constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t bits) { out += static_cast<char>(bits); };
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

template <class Number>
bool to_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

template <class Number>
bool set_number(std::string_view text, JsonScalar& out) {
  Number value{};
  if (!to_number(text, value)) return false;
  out = value;
  return true;
}

}  // namespace

void JsonScanner::skip_space() {
  while (rest_.starts_with(' ')) rest_.remove_prefix(1);
}

bool JsonScanner::is_at_end() {
  skip_space();
  return rest_.empty();
}

bool JsonScanner::take(std::string_view piece) {
  skip_space();
  if (!rest_.starts_with(piece)) return false;
  rest_.remove_prefix(piece.size());
  return true;
}

std::size_t JsonScanner::digits_from(std::size_t at) const {
  while (at < rest_.size() && is_digit(rest_[at])) ++at;
  return at;
}

// Empty unless a number as JSON spells it comes next.
std::string_view JsonScanner::take_number() {
  skip_space();
  const std::size_t first = rest_.starts_with('-') ? 1 : 0;
  std::size_t at = digits_from(first);
  if (at == first || (rest_[first] == '0' && at > first + 1)) return {};
  if (at < rest_.size() && rest_[at] == '.') {
    const std::size_t fraction = at + 1;
    at = digits_from(fraction);
    if (at == fraction) return {};
  }
  if (at < rest_.size() && (rest_[at] == 'e' || rest_[at] == 'E')) {
    const std::size_t sign = at + 1;
    const std::size_t exponent = sign < rest_.size() && (rest_[sign] == '+' || rest_[sign] == '-') ? sign + 1 : sign;
    at = digits_from(exponent);
    if (at == exponent) return {};
  }
  const std::string_view number = rest_.substr(0, at);
  rest_.remove_prefix(at);
  return number;
}

bool JsonScanner::whole_number(std::int64_t& value) { return to_number(take_number(), value); }

bool JsonScanner::text(std::string& out) {
  if (!take("\"")) return false;
  out.clear();
  while (!rest_.empty() && rest_[0] != '"') {
    if (rest_[0] == '\\') {
      if (!take_escape(out)) return false;
      continue;
    }
    const std::size_t length = sequence_length(rest_);
    if (length == 0 || static_cast<unsigned char>(rest_[0]) < 0x20) return false;
    out += rest_.substr(0, length);
    rest_.remove_prefix(length);
  }
  if (rest_.empty()) return false;
  rest_.remove_prefix(1);
  return true;
}

// A character beyond U+FFFF is written as two escapes, a surrogate each.
bool JsonScanner::take_escape(std::string& out) {
  rest_.remove_prefix(1);
  if (!rest_.starts_with('u')) {
    const std::size_t which = rest_.empty() ? std::string_view::npos : kEscapes.find(rest_[0]);
    if (which == std::string_view::npos) return false;
    out += kMeant[which];
    rest_.remove_prefix(1);
    return true;
  }
  std::uint32_t first = 0, second = 0;
  if (!code_unit(first)) return false;
  if (first >= 0xD800 && first < 0xE000) {
    if (first >= 0xDC00 || !rest_.starts_with("\\u")) return false;
    rest_.remove_prefix(1);
    if (!code_unit(second) || second < 0xDC00 || second >= 0xE000) return false;
    first = 0x10000 + ((first - 0xD800) << 10U) + (second - 0xDC00);
  }
  append_utf8(out, first);
  return true;
}

bool JsonScanner::code_unit(std::uint32_t& value) {
  constexpr std::size_t kDigits = 4;
  rest_.remove_prefix(1);  // the u
  const std::string_view digits = rest_.substr(0, kDigits);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.size() < kDigits || error != std::errc() || end != digits.data() + kDigits) return false;
  rest_.remove_prefix(kDigits);
  return true;
}

bool JsonScanner::value(JsonScalar& out) {
  const bool is_true = take("true");
  if (is_true || take("false")) {
    out = is_true;
    return true;
  }
  if (rest_.starts_with('"')) {
    out = std::string();
    return text(std::get<std::string>(out));
  }
  const std::string_view number = take_number();
  const bool is_whole = number.find_first_of(".eE") == std::string_view::npos;
  return is_whole ? set_number<std::int64_t>(number, out) : set_number<double>(number, out);
}

}  // namespace millrace
