// The part of a user's line that is shown with an error: all of it, or a window around the place.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::pipelines {

struct Excerpt {
  std::string text;        ///< the excerpt, with `...` where something was left out
  std::size_t column = 0;  ///< column of the place, from 0, in bytes of `text`
};

/// `at`: the place, in bytes of `line`. `cells`: how much room there is on a terminal, 0 where there is no end to it; then a line
/// is cut that is longer than anybody reads. `behind`: cells wanted from the place on, for carets and what is said beside them.
Excerpt excerpt_of(std::string_view line, std::size_t at, std::size_t cells, std::size_t behind);

}  // namespace millrace::pipelines
