// No tree of values is built: who takes the pieces knows the grammar, so that nothing nests deeper than it does, and a duplicate or a
// number that no integer holds is seen where it stands.
#include "json_cursor.hpp"

#include "json_text.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace millrace {
namespace {

constexpr const char* kHeader = "safetensors-header";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

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
  const std::uint64_t begin = offset();
  std::string out;
  if (const auto fault = take_json_text(rest_, out))
    fail(begin + fault->at, fault->is_encoding ? "safetensors-utf8" : kHeader, fault->what);
  expect('"');
  return out;
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

}  // namespace millrace
