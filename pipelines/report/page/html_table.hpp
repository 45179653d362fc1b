// Tables of a page.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

using HtmlCells = std::vector<std::string>;  ///< texts, to be escaped

/// `texts`: so many columns in front are no numbers, which stand flush right.
std::string html_table(const HtmlCells& heads, const std::vector<HtmlCells>& rows, std::size_t texts);
/// What is longer than a screen scrolls in a box of its own. `label`: what a screen reader calls it.
std::string html_box(const char* label, const std::string& content);

}  // namespace millrace::pipelines
