// Written and taken piece by piece, without a tree of values: a resumed run looks at each line of its journal before its first batch.
#include "files/json/json_scanner.hpp"

#include <millrace/detail/number_text.hpp>
#include <millrace/detail/utf8.hpp>
#include <millrace/error.hpp>
#include <millrace/files/journal_line.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace millrace {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// C0, DEL and C1: what a terminal obeys.
bool is_control(std::string_view character) {
  const auto first = static_cast<unsigned char>(character[0]);
  return first < 0x20 || first == 0x7F ||
         (first == 0xC2 && character.size() == 2 && static_cast<unsigned char>(character[1]) < 0xA0);
}

void append_character(std::string& out, std::string_view character) {
  const char c = character[0];
  const std::size_t which = c == '/' ? std::string_view::npos : kMeant.find(c);
  if (which != std::string_view::npos)
    (out += '\\') += kEscapes[which];
  else if (is_control(character))
    out += fmt::format("\\u{:04x}", static_cast<unsigned char>(character.back()));  // C2 9B is U+009B
  else
    out += character;
}

void append_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0)
      out += kReplacement;
    else
      append_character(out, text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) return append_text(out, fmt::format("{}", without_nan_sign(value)));
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  const std::string_view text(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += text;
  if (text.find_first_of(".e") == std::string_view::npos) out += ".0";  // or it would be read as a whole number
}

struct ValueWriter {
  std::string& out;
  void operator()(bool value) const { out += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { out += fmt::format("{}", value); }
  void operator()(double value) const { append_number(out, value); }
  void operator()(const std::string& value) const { append_text(out, value); }
};

bool take_values(JsonScanner& from, JournalLine* line) {
  if (!from.key("\"values\"") || !from.take("{")) return false;
  std::string name;
  JournalValue value;
  if (!from.take("}")) {
    do {
      if (!from.text(name) || !from.take(":") || !from.value(value)) return false;
      if (line != nullptr) line->values.insert_or_assign(name, value);
    } while (from.take(","));
    if (!from.take("}")) return false;
  }
  return true;
}

[[noreturn]] void fail_as_other_version(std::int64_t version) {
  throw Error(ErrorKind::data, "journal-version",
              fmt::format("a line of a journal of version {}; this program knows version {}", version, kVersion),
              "use the version of Millrace that wrote it");
}

// `with_values`: `line`, or null where they are only checked.
bool parse(std::string_view text, JournalLine& line, JournalLine* with_values) {
  JsonScanner from(text);
  std::int64_t version = 0;
  if (!from.take("{") || !from.key("\"v\"") || !from.whole_number(version) || !from.take(",")) return false;
  if (version != kVersion) fail_as_other_version(version);
  return from.key("\"attempt\"") && from.whole_number(line.attempt) && from.take(",") && from.key("\"epoch\"") &&
         from.whole_number(line.position.epoch) && from.take(",") && from.key("\"batch\"") &&
         from.whole_number(line.position.batch) && from.take(",") && from.key("\"kind\"") && from.text(line.kind) &&
         from.take(",") && take_values(from, with_values) && from.take("}") && from.is_at_end();
}

}  // namespace

std::optional<double> JournalLine::number(std::string_view name) const {
  const auto found = values.find(name);
  if (found == values.end()) return {};
  if (const auto* whole = std::get_if<std::int64_t>(&found->second)) return static_cast<double>(*whole);
  if (const auto* floating = std::get_if<double>(&found->second)) return *floating;
  const auto* text = std::get_if<std::string>(&found->second);
  if (text == nullptr) return {};
  if (*text == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (*text == "inf") return std::numeric_limits<double>::infinity();
  if (*text == "-inf") return -std::numeric_limits<double>::infinity();
  return {};
}

std::string to_json(const JournalLine& line) {
  std::string out = fmt::format(R"({{"v":{},"attempt":{},"epoch":{},"batch":{},"kind":)", kVersion, line.attempt,
                                line.position.epoch, line.position.batch);
  append_text(out, line.kind);
  out += R"(,"values":{)";
  for (const auto& [name, value] : line.values) {
    if (out.back() != '{') out += ',';
    append_text(out, name);
    out += ':';
    std::visit(ValueWriter{out}, value);
  }
  return out += "}}";
}

bool parse_journal_line(std::string_view text, JournalLine& line) {
  line.values.clear();
  return parse(text, line, &line);
}

bool parse_journal_place(std::string_view text, JournalLine& line) { return parse(text, line, nullptr); }

}  // namespace millrace
