// Pages of 80 columns: sentences in lines, and tables.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

inline constexpr std::size_t kPageColumns = 80;

/// `text`, made printable, in lines of at most kPageColumns columns, each with `indent` spaces before it; words that are longer are cut.
std::string in_lines(std::string_view text, std::size_t indent);

/// Rows of as many cells each; all but the first column are flush right. Cells are made printable; where the columns do not all fit, the first one's are shortened, and
/// then those that have no room are left out, with a line that says how many.
std::string text_table(const std::vector<std::vector<std::string>>& rows, std::size_t indent);

}  // namespace millrace::pipelines
