// From a parser's mark to a stretch of the user's text.
#pragma once

#include "diagnostics/diagnostics.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// Where the tokens of a text lie. The text is read from byte `offset` on.
class TextPositions {
 public:
  TextPositions(std::shared_ptr<const SourceText> source, std::size_t offset);

  /// `line` and `column` from 0, in the text that starts at the offset; one byte long.
  Location at(int line, int column) const;
  /// The same for a scalar, past its anchor and tag, and as long as its token on that line.
  Location of_scalar(int line, int column, std::string_view value) const;
  /// False when a quoted scalar starts there, past its anchor and tag, and the text ends before it does.
  bool quote_is_closed(int line, int column) const;
  /// column_of(), for places in any order.
  int shown_column(const Location& where) const;
  /// The text from a mark on.
  std::string_view rest(int line, int column) const;

 private:
  std::string_view rest_of_line(int line, int column) const;
  std::size_t tails_before(std::size_t byte) const;

  std::shared_ptr<const SourceText> source_;
  std::size_t offset_;
  std::vector<std::size_t> line_starts_;
  std::vector<std::size_t> tails_;  // bytes inside of characters, before each block of the text
};

}  // namespace millrace::pipelines
