// The parser gives only where a token starts; its end is taken from the text.
#include "text_positions.hpp"

#include "diagnostics/text_cells.hpp"

#include <algorithm>

namespace millrace::pipelines {
namespace {

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view first_line(std::string_view text) { return without_return(text.substr(0, text.find('\n'))); }

// Bytes of `&anchor` and `!tag` before a scalar: the parser's mark is in front of them.
std::size_t properties_length(std::string_view line) {
  std::size_t at = 0;
  while (at < line.size() && (line[at] == '&' || line[at] == '!')) {
    const std::size_t end = line.find(' ', at);
    if (end == std::string_view::npos) return 0;
    at = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return at;
}

// Bytes of the quoted text at the front, both quotes included; npos when it does not end.
std::size_t quoted_length(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    const bool escaped = quote == '"' ? text[i] == '\\' : text.substr(i, 2) == "''";
    if (escaped)
      ++i;
    else if (text[i] == quote)
      return i + 1;
  }
  return std::string_view::npos;
}

bool is_quote(std::string_view text) { return text.starts_with('"') || text.starts_with('\''); }

std::size_t token_length(std::string_view line, std::string_view value) {
  if (line.empty() || line.front() == '|' || line.front() == '>') return 1;
  if (is_quote(line)) return quoted_length(line);
  return std::max<std::size_t>(1, first_line(value).size());
}

constexpr std::size_t kBlock = 256;

std::size_t tails_in(std::string_view text) { return text.size() - count_characters(text); }

}  // namespace

TextPositions::TextPositions(std::shared_ptr<const SourceText> source, std::size_t offset)
    : source_(std::move(source)), offset_(offset), line_starts_{offset} {
  const std::string& text = source_->text;
  for (std::size_t at = text.find('\n', offset); at != std::string::npos; at = text.find('\n', at + 1))
    line_starts_.push_back(at + 1);
  tails_.push_back(0);
  for (std::size_t at = 0; at < text.size(); at += kBlock)
    tails_.push_back(tails_.back() + tails_in(std::string_view(text).substr(at, kBlock)));
}

std::size_t TextPositions::tails_before(std::size_t byte) const {
  byte = std::min(byte, source_->text.size());
  const std::size_t block = byte / kBlock;
  return tails_[block] + tails_in(std::string_view(source_->text).substr(block * kBlock, byte % kBlock));
}

int TextPositions::shown_column(const Location& where) const {
  if (where.line < 1 || static_cast<std::size_t>(where.line) > line_starts_.size()) return where.column;
  const std::size_t start = where.line == 1 ? 0 : line_starts_[static_cast<std::size_t>(where.line) - 1];
  const std::size_t tails = tails_before(start + static_cast<std::size_t>(where.column - 1)) - tails_before(start);
  return where.column - static_cast<int>(tails);
}

Location TextPositions::at(int line, int column) const {
  line = std::clamp(line, 0, static_cast<int>(line_starts_.size()) - 1);
  const int shift = line == 0 ? static_cast<int>(offset_) : 0;
  return {source_, line + 1, std::max(column, 0) + shift + 1, 1};
}

std::string_view TextPositions::rest(int line, int column) const {
  if (line < 0 || static_cast<std::size_t>(line) >= line_starts_.size()) return {};
  const std::string_view text = source_->text;
  const std::size_t start =
      line_starts_[static_cast<std::size_t>(line)] + static_cast<std::size_t>(std::max(column, 0));
  return start >= text.size() ? std::string_view() : text.substr(start);
}

// The end of the line is known: to look for it from each token would cost the square of a long line.
std::string_view TextPositions::rest_of_line(int line, int column) const {
  const std::string_view text = rest(line, column);
  const auto next = static_cast<std::size_t>(line) + 1;
  const std::size_t start = source_->text.size() - text.size();
  const std::size_t end = next < line_starts_.size() ? line_starts_[next] - 1 : source_->text.size();
  if (text.empty() || start > end) return first_line(text);
  return without_return(text.substr(0, end - start));
}

Location TextPositions::of_scalar(int line, int column, std::string_view value) const {
  const std::string_view text = rest_of_line(line, column);
  const std::size_t skipped = properties_length(text);
  Location where = at(line, column + static_cast<int>(skipped));
  const std::size_t length = token_length(text.substr(skipped), value);
  where.length = static_cast<int>(std::min(length, std::max<std::size_t>(1, text.size() - skipped)));
  return where;
}

bool TextPositions::quote_is_closed(int line, int column) const {
  std::string_view text = rest(line, column);
  text.remove_prefix(properties_length(rest_of_line(line, column)));
  return !is_quote(text) || quoted_length(text) != std::string_view::npos;
}

}  // namespace millrace::pipelines
