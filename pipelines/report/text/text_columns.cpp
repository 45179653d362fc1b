// Words and cells come from configs and plugins, so each is made printable before it is measured.
#include "text_columns.hpp"

#include "diagnostics/printable_text.hpp"
#include "diagnostics/text_cells.hpp"
#include "report/cut_text.hpp"

#include <millrace/detail/counted.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kGap = 2, kLeastName = 12;

using Row = std::vector<std::string>;

std::string padded(const std::string& cell, std::size_t width, bool is_right) {
  const std::string room(width - std::min(width, cells_of(cell)), ' ');
  return is_right ? room + cell : cell + room;
}

std::vector<std::size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.empty() ? 0 : rows.front().size());
  for (const Row& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], cells_of(cut_to(row[i], kPageColumns)));
  return widths;
}

/// How many of the columns have room when the first takes kLeastName at least.
std::size_t columns_with_room(const std::vector<std::size_t>& widths, std::size_t room) {
  std::size_t used = std::min(widths[0], kLeastName), fitting = 1;
  while (fitting < widths.size() && used + kGap + widths[fitting] <= room) used += kGap + widths[fitting++];
  return fitting;
}

std::string row_text(const Row& row, const std::vector<std::size_t>& widths, std::size_t shown, std::size_t indent) {
  std::string line(indent, ' ');
  line += padded(cut_to(row[0], widths[0]), shown > 1 ? widths[0] : 0, false);
  for (std::size_t i = 1; i < shown; ++i)
    line += std::string(kGap, ' ') + padded(cut_to(row[i], kPageColumns), widths[i], true);
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

std::string in_lines(std::string_view text, std::size_t indent) {
  const std::string words = printable_line(text);
  const std::size_t room = kPageColumns - indent;
  std::string all, line;
  const auto end_line = [&] {
    if (!line.empty()) all += std::string(indent, ' ') + line + "\n";
    line.clear();
  };
  for (std::string_view rest = words; !rest.empty();) {
    std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (!line.empty() && cells_of(line) + 1 + cells_of(word) > room) end_line();
    while (cells_of(word) > room) {
      line = take_columns(word, room);
      end_line();
    }
    if (!word.empty()) line += (line.empty() ? "" : " ") + std::string(word);
  }
  end_line();
  return all;
}

std::string text_table(const std::vector<Row>& rows, std::size_t indent) {
  if (rows.empty() || rows.front().empty()) return {};
  std::vector<std::size_t> widths = widths_of(rows);
  const std::size_t room = kPageColumns - indent, shown = columns_with_room(widths, room);
  std::size_t others = 0;
  for (std::size_t i = 1; i < shown; ++i) others += kGap + widths[i];
  widths[0] = std::min(widths[0], room - others);
  std::string all;
  for (const Row& row : rows) all += row_text(row, widths, shown, indent);
  if (shown < widths.size())
    all += fmt::format("{}({} more: --json has all)\n", std::string(indent, ' '),
                       counted(widths.size() - shown, "column"));
  return all;
}

}  // namespace millrace::pipelines
