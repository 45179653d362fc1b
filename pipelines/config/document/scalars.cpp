// YAML 1.1 reads 017 as fifteen and lets .nan through; both have cost people a run, so neither is a number here.
#include "scalars.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

namespace millrace::pipelines {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

// The parts of [+-] digits [. digits] [e [+-] digits]; empty when the text is nothing of the kind.
struct Decimal {
  std::size_t whole_digits = 0;
  bool is_integer = true;
};

std::optional<Decimal> parse_decimal(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  Decimal parts;
  parts.whole_digits = count_digits(text);
  text.remove_prefix(parts.whole_digits);
  std::size_t digits = parts.whole_digits;
  if (text.starts_with('.')) {
    parts.is_integer = false;
    const std::size_t after = count_digits(text.substr(1));
    digits += after;
    text.remove_prefix(after + 1);
  }
  if (digits == 0) return std::nullopt;
  if (text.starts_with('e') || text.starts_with('E')) {
    parts.is_integer = false;
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    const std::size_t exponent = count_digits(text);
    if (exponent == 0) return std::nullopt;
    text.remove_prefix(exponent);
  }
  if (!text.empty()) return std::nullopt;
  return parts;
}

bool is_not_finite_word(std::string_view text) {
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('.')) text.remove_prefix(1);
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  return lower == "nan" || lower == "inf" || lower == "infinity";
}

NumberReading read_plain(std::string_view text) {
  if (is_not_finite_word(text)) return {NumberFault::not_finite, 0, {}};
  const auto parts = parse_decimal(text);
  if (!parts) return {NumberFault::not_a_number, 0, {}};
  const std::string_view unsigned_text = text.starts_with('+') || text.starts_with('-') ? text.substr(1) : text;
  if (parts->whole_digits > 1 && unsigned_text.front() == '0') return {NumberFault::leading_zero, 0, {}};
  if (text.starts_with('+')) text.remove_prefix(1);  // from_chars knows no plus
  NumberReading reading;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), reading.value);
  // out_of_range is both 1e400 and 1e-400; only the first is no number.
  if (error == std::errc::result_out_of_range) {
    if (parts->is_integer) return {NumberFault::too_large, 0, {}};
    const std::size_t exponent = text.find_first_of("eE");
    const bool tiny = exponent != std::string_view::npos && text[exponent + 1] == '-';
    if (!tiny) return {NumberFault::not_finite, 0, {}};
    reading.value = 0;
  }
  if (!parts->is_integer) return reading;
  std::int64_t integer = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), integer).ec != std::errc())
    return {NumberFault::too_large, 0, {}};
  reading.integer = integer;
  return reading;
}

}  // namespace

NumberReading read_number(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return read_plain(text);
  const NumberReading above = read_plain(trimmed(text.substr(0, slash))),
                      below = read_plain(trimmed(text.substr(slash + 1)));
  if (above.fault != NumberFault::none) return {above.fault, 0, {}};
  if (below.fault != NumberFault::none) return {below.fault, 0, {}};
  if (below.value == 0) return {NumberFault::zero_denominator, 0, {}};
  const double value = above.value / below.value;
  if (!std::isfinite(value)) return {NumberFault::not_finite, 0, {}};
  return {NumberFault::none, value, {}};
}

std::optional<bool> read_boolean(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

}  // namespace millrace::pipelines
