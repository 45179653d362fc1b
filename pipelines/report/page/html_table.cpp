// A box that scrolls takes the keyboard's focus, or nobody without a pointer could read on.
#include "html_table.hpp"

#include "html_text.hpp"

#include <fmt/format.h>

namespace millrace::pipelines {
namespace {

std::string row(const char* tag, const HtmlCells& cells, std::size_t texts) {
  std::string html = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i)
    html += fmt::format("<{0}{1}>{2}</{0}>", tag, i < texts ? "" : " class=\"n\"", html_text(cells[i]));
  return html + "</tr>\n";
}

}  // namespace

std::string html_table(const HtmlCells& heads, const std::vector<HtmlCells>& rows, std::size_t texts) {
  std::string html = "<table>\n<thead>" + row("th", heads, texts) + "</thead>\n<tbody>\n";
  for (const HtmlCells& cells : rows) html += row("td", cells, texts);
  return html + "</tbody>\n</table>\n";
}

std::string html_box(const char* label, const std::string& content) {
  return fmt::format("<div class=\"box\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n{}</div>\n", label,
                     content);
}

}  // namespace millrace::pipelines
