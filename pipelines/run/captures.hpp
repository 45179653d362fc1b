// The captures of a run, each at its output, and the end of the run when none of them wants more.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run/nodes/node_adapter.hpp"
#include "run/nodes/port_capture.hpp"

#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

namespace millrace::pipelines {

class Captures {
 public:
  /// Both outlive this.
  Captures(const std::vector<Capture>& captures, StopState& stop)
      : captures_(captures), stop_(stop), wanting_(captures.size()) {}

  /// From here on they are told. `nodes` are those of `graph`, in its order. Throws Error("no-such-port", run) for an output that the graph
  /// has not.
  void attach(const ValidatedGraph& graph, const std::vector<std::unique_ptr<NodeAdapter>>& nodes);

 private:
  void attach(const Capture& capture, const ValidatedGraph& graph,
              const std::vector<std::unique_ptr<NodeAdapter>>& nodes);

  std::vector<Capture> captures_;
  StopState& stop_;
  std::atomic<std::size_t> wanting_;
  std::deque<PortCapture> attached_;
};

}  // namespace millrace::pipelines
