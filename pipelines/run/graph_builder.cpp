// Step 4: nodes to a oneTBB flow graph.
//
// A flow node is only a way to a thread. What waits for it stands in a queue of ours: the graph's own starts the newest first,
// and for a node that takes one at a time allocates where an exception would leave it locked. Edges are plain calls between
// nodes: the graph's own edges lose what a full consumer refuses, and a sequencer or queue serves one successor only.
#include "graph_builder.hpp"

#include <millrace/detail/system_failure.hpp>

#include <fmt/format.h>
#include <tbb/flow_graph.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace flow = tbb::flow;

class FlowQueue final : public WorkQueue {
 public:
  FlowQueue(flow::graph& graph, NodeAdapter& adapter)
      : adapter_(adapter), is_concurrent_(adapter.is_concurrent()), node_(graph, flow::unlimited, [this](int) {
          work();
          return flow::continue_msg();
        }) {}

  void put(Work&& work) override {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(work));
      if (!is_concurrent_ && std::exchange(is_busy_, true)) return;
    }
    try {
      node_.try_put(0);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      is_busy_ = false;
      throw;
    }
  }

  std::vector<Work> take_all() override {
    const std::lock_guard lock(mutex_);
    std::vector<Work> works(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end()));
    waiting_.clear();
    return works;
  }

 private:
  // Of a node that takes one at a time the same thread goes on, as long as there is work.
  void work() {
    do {
      Work next;  // its end may put work here, so it must not end under the lock
      if (!take(next)) return;
      adapter_.execute(next);
    } while (!is_concurrent_);
  }

  bool take(Work& next) {
    const std::lock_guard lock(mutex_);
    is_busy_ = !waiting_.empty();
    if (waiting_.empty()) return false;
    next = std::move(waiting_.front());
    waiting_.pop_front();
    if (is_concurrent_) adapter_.admit(next);
    return true;
  }

  NodeAdapter& adapter_;
  bool is_concurrent_;
  std::mutex mutex_;
  std::deque<Work> waiting_;  ///< the oldest first
  bool is_busy_ = false;      ///< a thread is at a node that takes one at a time
  flow::function_node<int, flow::continue_msg, flow::queueing> node_;
};

// oneTBB starts its threads when work comes up, in the middle of anything, and has no way to tell that it cannot.
void require_threads(int wanted) {
  std::mutex mutex;
  std::vector<std::jthread> threads;  // waited for at their end, also when there is no memory for one more
  threads.reserve(static_cast<std::size_t>(std::max(wanted, 1)));
  std::unique_lock hold(mutex);
  std::optional<std::error_code> refused;
  try {
    while (std::cmp_less(threads.size() + 1, wanted)) threads.emplace_back([&] { const std::lock_guard wait(mutex); });
  } catch (const std::system_error& error) {
    refused = error.code();
  }
  hold.unlock();
  if (refused) throw system_failure(*refused, fmt::format("start {} threads, only {}", wanted, threads.size() + 1));
}

}  // namespace

struct FlowGraph::Impl {
  std::optional<tbb::global_control> more_threads;
  tbb::task_arena arena;
  std::unique_ptr<flow::graph> graph;
  std::vector<std::unique_ptr<FlowQueue>> queues;

  explicit Impl(int threads) : arena(threads, 1) {
    // The process has no more workers than the machine has cores, unless somebody asks for them.
    const auto wanted = static_cast<std::size_t>(threads);
    if (wanted > tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism))
      more_threads.emplace(tbb::global_control::max_allowed_parallelism, wanted);
    arena.initialize();  // here: after a failure inside it, every later caller waits for ever
  }
};

FlowGraph::FlowGraph(int threads) {
  require_threads(threads);
  impl_ = std::make_unique<Impl>(threads);
}

// Nodes must not go before the graph has come to rest.
FlowGraph::~FlowGraph() {
  impl_->arena.execute([this] {
    wait();
    impl_->queues.clear();
    impl_->graph.reset();
  });
}

void FlowGraph::execute(const std::function<void()>& body) { impl_->arena.execute(body); }

void FlowGraph::build(const std::vector<std::unique_ptr<NodeAdapter>>& nodes) {
  impl_->graph = std::make_unique<flow::graph>();  // inside the arena: a graph belongs to the arena it is made in
  for (const auto& node : nodes) {
    impl_->queues.push_back(std::make_unique<FlowQueue>(*impl_->graph, *node));
    node->set_queue(*impl_->queues.back());
  }
}

void FlowGraph::wait() {
  if (impl_->graph) impl_->graph->wait_for_all();
}

void FlowGraph::reserve() { impl_->graph->reserve_wait(); }
void FlowGraph::release() { impl_->graph->release_wait(); }

}  // namespace millrace::pipelines
