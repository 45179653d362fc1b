// Step 4: nodes to a oneTBB flow graph in an arena of its own.
#pragma once

#include "run/nodes/node_adapter.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace millrace::pipelines {

/// Owns the arena, the graph and its nodes. Everything of a run, opening stages too, happens in the arena, so that what
/// a stage does in parallel keeps to the run's threads.
class FlowGraph {
 public:
  explicit FlowGraph(int threads);
  /// Waits until nothing moves.
  ~FlowGraph();
  FlowGraph(const FlowGraph&) = delete;
  FlowGraph& operator=(const FlowGraph&) = delete;

  /// Runs `body` on this thread as one of the arena's threads.
  void execute(const std::function<void()>& body);
  /// A flow node for each adapter, which must outlive this. Inside execute.
  void build(const std::vector<std::unique_ptr<NodeAdapter>>& nodes);
  /// Works until nothing is queued and nothing runs. Inside execute.
  void wait();
  /// Between the two `wait` does not return: a packet lives outside the graph. As often the one as the other. Any thread, but
  /// reserve only while something runs in the graph.
  void reserve();
  void release();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace::pipelines
