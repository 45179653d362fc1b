// An output is found by the names of its node and port; a slice has made sure that it is there.
#include "captures.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

namespace millrace::pipelines {

void Captures::attach(const ValidatedGraph& graph, const std::vector<std::unique_ptr<NodeAdapter>>& nodes) {
  for (const Capture& capture : captures_) attach(capture, graph, nodes);
}

void Captures::attach(const Capture& capture, const ValidatedGraph& graph,
                      const std::vector<std::unique_ptr<NodeAdapter>>& nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PortSpec* const spec = graph.nodes[i].find_output(capture.port);
    if (graph.nodes[i].name != capture.node || spec == nullptr) continue;
    attached_.emplace_back(capture, spec->max_rows, wanting_, stop_);
    return nodes[i]->tell(capture.port, attached_.back());
  }
  throw Error(ErrorKind::run, "no-such-port",
              fmt::format("the graph has no output `{}.{}` to capture", capture.node, capture.port));
}

}  // namespace millrace::pipelines
