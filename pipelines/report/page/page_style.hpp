// How a page looks: colors, and what changes in the dark, on a phone and on paper.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace millrace::pipelines {

/// Colors that are told apart on light and on dark ground, and by those who see fewer.
inline constexpr std::array<std::string_view, 5> kSeriesColors{"#d9711c", "#2f7fc1", "#2e9e6b", "#a066b8", "#7f8a94"};
inline constexpr std::string_view kBusyColor = "#2f7fc1", kStarvedColor = "#9aa3ab", kBlockedColor = "#d9711c";

/// From <!doctype html> to <body>. Nothing is loaded: a policy in it forbids that.
std::string page_head(std::string_view title);
std::string page_end();

}  // namespace millrace::pipelines
