// Names that are too long for where they stand.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Takes so many columns of a terminal, and no more, from the front.
std::string_view take_columns(std::string_view& text, std::size_t columns);
/// Makes it printable, on one line, and cuts it to so many columns, with "..." at its end.
std::string cut_to(std::string_view text, std::size_t columns);

}  // namespace millrace::pipelines
