// Decodes only a window of bytes around the place, widens it to both sides while there is room on the terminal, and marks cuts with `...`.
#include "excerpt.hpp"

#include "printable_text.hpp"
#include "text_cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostCells = 160;  // a line may be a megabyte long
constexpr std::size_t kLeastCells = 16;
constexpr std::string_view kLeftOut = "...";
constexpr std::size_t kTabCells = 8;  // at most; how many depends on where it stands

struct Character {
  std::size_t at = 0;     // in the line
  std::size_t cells = 0;  // as it is shown
};

// Of a line of a megabyte only what can be shown around the place is looked at.
std::vector<Character> characters_of(std::string_view line, std::size_t begin, std::size_t end) {
  std::vector<Character> found;
  std::string_view rest = line.substr(begin, end - begin);
  while (!rest.empty()) {
    const std::size_t at = end - rest.size();
    const std::string_view before = rest;
    const bool is_tab = rest.front() == '\t';
    take_character(rest);
    const std::string_view character = before.substr(0, before.size() - rest.size());
    found.push_back({at, is_tab ? kTabCells : cells_of(printable(character))});
  }
  return found;
}

bool is_tail_byte(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t first_byte_of(std::string_view line, std::size_t at) {
  while (at > 0 && at < line.size() && is_tail_byte(line[at])) --at;
  return at;
}

}  // namespace

Excerpt excerpt_of(std::string_view line, std::size_t at, std::size_t cells, std::size_t behind) {
  constexpr std::size_t kMostBytes = 4 * kMostCells;  // of so many cells
  const std::size_t room = cells == 0 ? kMostCells : std::clamp(cells, kLeastCells, kMostCells);
  at = first_byte_of(line, std::min(at, line.size()));
  const std::size_t begin = first_byte_of(line, at > kMostBytes ? at - kMostBytes : 0);
  const std::size_t end = first_byte_of(line, std::min(line.size(), at + kMostBytes));
  const std::vector<Character> all = characters_of(line, begin, end);

  std::size_t whole = 0;
  for (const Character& character : all) whole += character.cells;
  if (begin == 0 && end == line.size() && whole <= room) return {std::string(line), at};

  const std::size_t inside = room - 2 * kLeftOut.size();
  const std::size_t before_most = std::clamp(inside - std::min(inside, behind), inside / 4, inside / 2);
  const auto place = std::find_if(all.begin(), all.end(), [&](const Character& c) { return c.at >= at; });
  auto first = place;
  std::size_t used = 0;
  while (first != all.begin() && used + std::prev(first)->cells <= before_most) used += (--first)->cells;
  auto last = place;
  while (last != all.end() && used + last->cells <= inside) used += (last++)->cells;

  const std::size_t from = first == all.end() ? end : first->at, to = last == all.end() ? end : last->at;
  const std::string_view before = from > 0 ? kLeftOut : "", after = to < line.size() ? kLeftOut : "";
  return {fmt::format("{}{}{}", before, line.substr(from, to - from), after), at - from + before.size()};
}

}  // namespace millrace::pipelines
