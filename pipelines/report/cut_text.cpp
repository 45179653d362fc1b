// By cells of a terminal, for a name may be of wide characters; the rest of it is never half of one.
#include "cut_text.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/text_cells.hpp"

namespace millrace::pipelines {

std::string_view take_columns(std::string_view& text, std::size_t columns) {
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view next = rest;
    const std::size_t cells = cells_of(take_character(next));
    if (cells > columns) break;
    columns -= cells;
    rest = next;
  }
  const std::string_view taken = text.substr(0, text.size() - rest.size());
  text = rest;
  return taken;
}

std::string cut_to(std::string_view text, std::size_t columns) {
  const std::string line = printable_line(text);
  if (cells_of(line) <= columns) return line;
  std::string_view rest = line;
  return columns < 4 ? std::string(take_columns(rest, columns)) : std::string(take_columns(rest, columns - 3)) + "...";
}

}  // namespace millrace::pipelines
