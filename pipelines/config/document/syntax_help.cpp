// Looks at lines, quotes and brackets as a reader does; a guess that is wrong costs no more than the parser's own words.
#include "syntax_help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostQuoted = 60;  ///< bytes of a line in a message

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string_view line = text.substr(start, end - start);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    start = end + 1;
  }
  return lines;
}

bool says_nothing(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first == std::string_view::npos || line[first] == '#';
}

int column_of_first(std::string_view line) {
  return static_cast<int>(std::min(line.find_first_not_of(' '), line.size()));
}

/// Walks over a text outside of comments, in and out of quotes; as far as that can be told line by line.
class QuoteWalk {
 public:
  /// False while the character is part of a comment or of a text in quotes.
  bool takes(char c, std::size_t at) {
    const bool was_plain = quote_ == 0 && !in_comment_;
    if (c == '\n') in_comment_ = false;
    if (was_plain) {
      in_comment_ = c == '#' && std::string_view(" \n\t").find(before_) != std::string_view::npos;
      if ((c == '"' || c == '\'') && std::string_view(" \n\t[{,:").find(before_) != std::string_view::npos) {
        quote_ = c;
        opened_ = at;
      }
    } else if (is_escaped_) {
      is_escaped_ = false;
    } else if (c == '\\' && quote_ == '"') {
      is_escaped_ = true;  // a backslash is one only in double quotes
    } else if (!in_comment_ && c == quote_) {
      quote_ = 0;
    }
    before_ = c;
    return was_plain && quote_ == 0 && !in_comment_;
  }
  bool is_quoted() const { return quote_ != 0; }
  std::size_t opened() const { return opened_; }

 private:
  char quote_ = 0, before_ = ' ';
  bool in_comment_ = false, is_escaped_ = false;
  std::size_t opened_ = 0;
};

TextMark mark_of(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte);
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  return {static_cast<int>(std::count(before.begin(), before.end(), '\n')), static_cast<int>(byte - line_start)};
}

// A quote that is missing makes the next one the end of a text over several lines, and what follows that is no end of a value.
std::optional<SyntaxFault> open_quote(std::string_view text) {
  QuoteWalk walk;
  bool was_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    walk.takes(text[i], i);
    const std::string_view quoted = text.substr(walk.opened(), i - walk.opened());
    const bool ends = was_quoted && !walk.is_quoted() && quoted.find('\n') != std::string_view::npos;
    if (ends && i + 1 < text.size() && std::string_view(" \t\r\n,]}:").find(text[i + 1]) == std::string_view::npos)
      return SyntaxFault{mark_of(text, walk.opened()),
                         fmt::format("the quote that opens here is closed only in line {}", mark_of(text, i).line + 1),
                         "close it where the text ends"};
    was_quoted = walk.is_quoted();
  }
  if (!walk.is_quoted()) return std::nullopt;
  return SyntaxFault{mark_of(text, walk.opened()), "the quote that opens here is not closed",
                     "close it where the text ends"};
}

std::optional<SyntaxFault> open_bracket(std::string_view text) {
  QuoteWalk walk;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!walk.takes(text[i], i)) continue;
    if (text[i] == '[' || text[i] == '{') open.push_back(i);
    if ((text[i] == ']' || text[i] == '}') && !open.empty()) open.pop_back();
  }
  if (open.empty()) return std::nullopt;
  const char bracket = text[open.back()], end = bracket == '{' ? '}' : ']';
  return SyntaxFault{mark_of(text, open.back()), fmt::format("this `{}` is not closed", bracket),
                     fmt::format("write `{}` where it ends, and a comma between two entries", end)};
}

std::optional<SyntaxFault> tab_in(std::string_view line, int number) {
  const std::size_t tab = line.substr(0, line.find_first_not_of(" \t")).find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  return SyntaxFault{{number, static_cast<int>(tab)}, "a tab in the indentation", "indent with spaces"};
}

/// A text as a block of lines, and where the parser has stopped in it.
class Block {
 public:
  Block(std::string_view text, TextMark at) : lines_(lines_of(text)), at_(at) {}

  bool is_inside() const { return at_.line >= 0 && static_cast<std::size_t>(at_.line) < lines_.size(); }
  std::string_view line() const { return lines_[static_cast<std::size_t>(at_.line)]; }
  bool stops_at_the_start() const { return at_.column == column_of_first(line()); }

  // `b:{stage: print, in: x}`
  std::optional<SyntaxFault> colon_before_bracket() const {
    const std::size_t colon = line().find(':');
    if (colon == std::string_view::npos || colon + 1 >= line().size()) return std::nullopt;
    if (std::string_view("{[").find(line()[colon + 1]) == std::string_view::npos) return std::nullopt;
    return SyntaxFault{
        {at_.line, static_cast<int>(colon)}, "a colon without a space after it", "write a space after the colon"};
  }

  // `optimizer: rmsprop, learning_rate: 0.001`
  std::optional<SyntaxFault> second_colon() const {
    QuoteWalk walk;
    const std::string_view before = line().substr(0, static_cast<std::size_t>(std::max(at_.column, 0)));
    for (std::size_t i = 0; i + 1 < before.size(); ++i)
      if (walk.takes(before[i], i) && before[i] == ':' && before[i + 1] == ' ')
        return SyntaxFault{
            at_, "a second `: ` in one line",
            "write what belongs together in braces, {KEY: VALUE, KEY: VALUE}, or each key in a line of its own; a "
            "text that has `: ` in it stands in quotes"};
    return std::nullopt;
  }

  // `epochs 5` or `epochs:5`, above a line with a colon.
  std::optional<SyntaxFault> missing_colon() const {
    int found = -1;
    for (int n = before(at_.line); n >= 0 && column(n) == column(at_.line) && !has_key(n); n = before(n)) found = n;
    if (found < 0) return std::nullopt;
    const std::string_view all = text(found), said = all.substr(0, kMostQuoted);
    const std::size_t colon = said.find(':'), end = colon != std::string_view::npos ? colon : said.find(' ');
    if (all.starts_with('-') || end == std::string_view::npos) return std::nullopt;
    return SyntaxFault{
        {found, column(found)},
        fmt::format("`{}` lacks {}", said, colon == end ? "a space after the colon" : "a colon and a space after it"),
        fmt::format("write `{}: {}`", said.substr(0, end), said.substr(end + 1))};
  }

  // A line that begins in a column where no other of its block does.
  std::optional<SyntaxFault> own_column() const {
    const int above = before(at_.line);
    if (above < 0) return std::nullopt;
    std::vector<int> columns{column(above)};  // of the blocks that are open here
    for (int n = above; n >= 0; n = before(n))
      if (column(n) < columns.back()) columns.push_back(column(n));
    const int here = column(at_.line), below = after(at_.line);
    int nearest = columns.front();
    const auto rank = [&](int c) { return 2 * std::abs(c - here) - (below >= 0 && column(below) == c ? 1 : 0); };
    for (const int c : columns)
      if (rank(c) < rank(nearest)) nearest = c;
    if (nearest == here) return std::nullopt;
    return SyntaxFault{{at_.line, here},
                       fmt::format("this line starts at column {}, its neighbors at column {}", here + 1, nearest + 1),
                       "entries that belong together start in one column"};
  }

 private:
  std::string_view at_line(int n) const { return lines_[static_cast<std::size_t>(n)]; }
  int column(int n) const { return column_of_first(at_line(n)); }

  int before(int n) const {
    do --n;
    while (n >= 0 && says_nothing(at_line(n)));
    return n;
  }
  int after(int n) const {
    for (++n; static_cast<std::size_t>(n) < lines_.size(); ++n)
      if (!says_nothing(at_line(n))) return n;
    return -1;
  }

  // Without its indentation, and without a comment behind it.
  std::string_view text(int n) const {
    std::string_view said = at_line(n).substr(static_cast<std::size_t>(column(n)));
    said = said.substr(0, said.find(" #"));
    return said.substr(0, said.find_last_not_of(" \t") + 1);
  }
  bool has_key(int n) const { return text(n).find(": ") != std::string_view::npos || text(n).ends_with(':'); }

  std::vector<std::string_view> lines_;
  TextMark at_;
};

}  // namespace

std::optional<SyntaxFault> likely_fault(std::string_view text, ParserStop stop, TextMark at) {
  const Block block(text, at);
  std::optional<SyntaxFault> fault = block.is_inside() ? tab_in(block.line(), at.line) : std::nullopt;
  if (!fault) fault = open_quote(text);
  if (!fault && stop == ParserStop::end_of_brackets) fault = open_bracket(text);
  if (fault || !block.is_inside()) return fault;
  if (stop == ParserStop::key_value) {
    fault = block.colon_before_bracket();
    if (!fault) fault = block.second_colon();
    if (!fault) fault = block.missing_colon();
  }
  const bool is_own = stop == ParserStop::key_value || (stop == ParserStop::end_of_block && block.stops_at_the_start());
  return fault || !is_own ? fault : block.own_column();
}

}  // namespace millrace::pipelines
