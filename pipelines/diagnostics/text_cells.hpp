// How much room a text takes on a terminal, and how many characters it has.
#pragma once

#include <cstddef>
#include <string_view>

namespace millrace::pipelines {

/// Takes one character from the front; a byte that is not UTF-8 counts as U+FFFD.
char32_t take_character(std::string_view& text);
/// Cells of a terminal: 2 for wide characters such as Chinese ones, 0 for marks that stand on the one before.
std::size_t cells_of(char32_t);
std::size_t cells_of(std::string_view text);
/// What editors count as columns.
std::size_t count_characters(std::string_view text);

}  // namespace millrace::pipelines
