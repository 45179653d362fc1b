// The texts of the progress line: numbers, times, rates and the bar.
#pragma once

#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Four decimals; below 0.001 in exponent form, so that a small loss does not read as zero, and from 10,000,000 on, so that
/// one that diverges stays short.
std::string metric_text(double value);
/// "1.2s", "2m05s".
std::string seconds_text(double seconds);
/// "950", "50k", "1.25M".
std::string rate_text(double per_second);
/// A bar of so many cells, `share` in [0, 1] of them filled.
std::string bar_text(double share, int cells, bool unicode, bool color);
/// Columns that `text` takes on a terminal; ANSI colors take none. One column a code point.
std::size_t columns_of_text(std::string_view text);

}  // namespace millrace::pipelines
