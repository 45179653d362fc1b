// The graph of a run as rails beside the list of its nodes: it fits a phone, and the bars of the nodes stand under each other.
#pragma once

#include "report/run_record.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::pipelines {

/// Which rail the packets of each node run on; no two are on one at the same row. A node stands on the rail of what it sends.
struct Rails {
  std::vector<std::size_t> rail;  ///< of each node
  std::vector<std::size_t> last;  ///< the last row that a node feeds; its own where it feeds none
  std::size_t count = 0;
};
Rails rails_of(const std::vector<NodeTimes>& nodes);

inline constexpr double kRowHeight = 34;  ///< in pixels; that of the table's rows
/// How wide all rails are, in pixels.
double rails_width(const Rails& rails);
struct RailColors {
  std::string_view point, line;
};
/// What is drawn in the row of a node, from its upper left corner on.
std::string rails_drawing(const std::vector<NodeTimes>& nodes, const Rails& rails, std::size_t row,
                          const RailColors& colors);
/// The same as a picture for a table's cell. `color` is that of its point; lines have that of the text around.
std::string rails_piece(const std::vector<NodeTimes>& nodes, const Rails& rails, std::size_t row,
                        std::string_view color);

}  // namespace millrace::pipelines
