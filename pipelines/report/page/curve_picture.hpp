// Curves as a picture: SVG that needs no style sheet around it.
#pragma once

#include "report/curve.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// So many points of a curve are drawn at most, and about so many of all curves of a page.
inline constexpr std::size_t kMostDrawnPoints = 1000, kMostPagePoints = 12000;
/// How many points of each curve are drawn where a page has so many curves.
std::size_t drawn_points(std::size_t curves);

/// Each curve with its name and its last value at its end, and a ring at its best value. Text has the color of what is around. Empty where no value is finite.
std::string curve_picture(const std::vector<const Curve*>& curves, std::size_t most_points = kMostDrawnPoints);

}  // namespace millrace::pipelines
