// A picture of a page as a file of its own.
#pragma once

#include <string>

namespace millrace::pipelines {

/// `svg` begins with "<svg "; it gets its name space, a size in pixels, a white ground and a dark color for what has that of its surroundings. Empty for an empty one.
std::string standalone_svg(const std::string& svg, double width, double height);

}  // namespace millrace::pipelines
