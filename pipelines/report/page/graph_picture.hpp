// A graph as a picture of its own: the rails of the page beside the names of the nodes.
#pragma once

#include "report/run_record.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// How a node is drawn, and what it gives.
struct NodeLook {
  std::string_view color;
  std::string gives;  ///< "images u8 [n, 28, 28]"
};

/// What a color of a point means.
struct ColorMeaning {
  std::string_view color, meaning;
};

/// SVG with literal colors, no style sheet, script or font of its own: every program that shows SVG shows the same. `looks`: one of each node.
std::string graph_picture(const std::string& title, const std::vector<NodeTimes>& nodes,
                          const std::vector<NodeLook>& looks, const std::vector<ColorMeaning>& meanings);

}  // namespace millrace::pipelines
