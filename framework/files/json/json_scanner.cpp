// No tree is built and nothing nests, so that a hostile line costs no more than its length.
#include "json_scanner.hpp"

#include "json_text.hpp"

#include <charconv>
#include <system_error>

namespace millrace {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

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
  if (take_json_text(rest_, out) || rest_.empty()) return false;
  rest_.remove_prefix(1);
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
