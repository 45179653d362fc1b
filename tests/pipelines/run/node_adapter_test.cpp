// Single nodes without a flow graph: what waits, what is held, what is counted.
#include "run/nodes/node_adapter.hpp"
#include "catch.hpp"
#include "run/nodes/serial_adapter.hpp"
#include "run/nodes/source_adapter.hpp"
#include "run/nodes/transform_adapter.hpp"
#include "test_stages.hpp"

#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

using namespace millrace;
using namespace millrace::testing;
using namespace millrace::pipelines;

namespace {

struct HandQueue final : WorkQueue {
  std::deque<Work> works;
  std::mutex mutex;  // the waiter puts work there too
  void put(Work&& work) override {
    const std::lock_guard lock(mutex);
    works.push_back(std::move(work));
  }
  std::vector<Work> take_all() override { return {}; }
  bool is_empty() {
    const std::lock_guard lock(mutex);
    return works.empty();
  }
};

using Groups = std::vector<std::vector<std::uint64_t>>;

/// Notes which packets come together, and sends them on, all but packet `forgets`.
class Grouping final : public GroupedTransform {
 public:
  explicit Grouping(Groups& groups, std::uint64_t forgets = ~std::uint64_t{0}) : groups_(groups), forgets_(forgets) {}
  void infer(InferContext&) override {}
  void process_group(std::span<TransformContext* const> packets) const override {
    groups_.emplace_back();
    for (TransformContext* ctx : packets) {
      groups_.back().push_back(ctx->input().header.seq);
      if (ctx->input().header.seq != forgets_) ctx->emit("out", ctx->input().fields);
    }
  }

 private:
  Groups& groups_;
  std::uint64_t forgets_;
};

/// The nodes of a TestGraph, run by hand: source, one node under test, sink.
struct AdapterHarness {
  TestGraph graph;
  StopState stop{nullptr};
  std::unique_ptr<Device> device = open_device({"cpu", 0});
  std::shared_ptr<CreditLedger> ledger;
  EventWaiter waiter{std::chrono::minutes(1), {[] {}, [] {}, [] {}}};
  std::deque<HandQueue> queues;
  std::vector<std::unique_ptr<NodeAdapter>> nodes;

  void build(std::int64_t budget) {
    LedgerHooks hooks;
    hooks.start = [this](Credit credit) {
      Work work;
      work.credit = std::move(credit);
      nodes[0]->submit(std::move(work));
    };
    hooks.stopping = [this](std::uint32_t epoch) { return stop.stopping(epoch); };
    hooks.epoch_ended = [](std::uint32_t) {};
    hooks.failed = [](const std::exception_ptr&) {};
    ledger = CreditLedger::make({{"src", budget, 0, 0}}, EpochGate(1, 3, 1, 1), std::move(hooks));
    const NodeServices services{stop, *ledger, *device, device->memory(), waiter};
    for (ValidatedNode& node : graph.graph().nodes) {
      nodes.push_back(node.info->kind == StageKind::source      ? make_source_adapter(node, services)
                      : node.info->kind == StageKind::transform ? make_transform_adapter(node, services)
                                                                : make_serial_adapter(node, services));
      for (const ValidatedEdge& edge : node.inputs) nodes.back()->connect(edge, *nodes[edge.from_node]);
      nodes.back()->set_queue(queues.emplace_back());
    }
    ledger->start();
  }
  ~AdapterHarness() {
    ledger->close();
    for (HandQueue& queue : queues) queue.works.clear();
  }

  void wait_for_work(std::size_t node) {
    while (queues[node].is_empty()) std::this_thread::yield();
  }
  /// Makes the oldest call that waits at a node.
  void step(std::size_t node) {
    REQUIRE_FALSE(queues[node].works.empty());
    Work work = std::move(queues[node].works.front());
    queues[node].works.pop_front();
    nodes[node]->execute(work);
  }
  std::size_t queued(std::size_t node) const { return queues[node].works.size(); }
  std::int64_t alive() const { return ledger->source(0).alive; }
};

}  // namespace

TEST_CASE("a batch holds the credits of every block it was made from", "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  harness.graph.source("src", 100, 4);
  harness.graph.add("batches", std::make_unique<TestBatcher>(8), {{"in", "src"}}, {{"out", numbers(8)}})
      .accumulates_rows = 8;
  harness.graph.sink("end", "batches", seen);
  harness.build(3);
  harness.step(0), harness.step(1);
  CHECK(harness.queued(2) == 0);
  CHECK(harness.alive() == 2);  // block 0 in the batcher, and the credit that waits
  harness.step(0), harness.step(1);
  CHECK(harness.queued(2) == 1);
  CHECK(harness.alive() == 3);
  CHECK(harness.queued(0) == 1);
  harness.step(0);
  CHECK(harness.queued(0) == 0);  // three blocks are alive: the batch of two, and the one that waits for the batcher
  harness.step(2);
  CHECK(harness.alive() == 2);
  CHECK(harness.queued(0) == 1);
  CHECK(seen.rows == expected_rows(8, 1));
}

TEST_CASE("a serial that keeps no rows gives its input back with its output", "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  harness.graph.source("src", 100, 4);
  harness.graph.serial("every_second", "src", [](SerialContext& ctx) {
    if (ctx.input().header.seq % 2 == 1) pass_on_serial(ctx);
  });
  harness.graph.sink("end", "every_second", seen);
  harness.build(2);
  harness.step(0), harness.step(1);
  CHECK(harness.alive() == 1);  // only the next credit
  harness.step(0), harness.step(1);
  CHECK(harness.alive() == 2);
  harness.step(2);
  CHECK(harness.alive() == 1);
}

TEST_CASE("a call that goes on after an event comes before every later packet, and holds its input until then",
          "[adapter]") {
  struct Later final : Event::State {
    std::atomic<bool> happened{false};
    bool done() override { return happened; }
    void synchronize() override { happened.wait(false); }
  };
  AdapterHarness harness;
  Seen seen;
  std::vector<std::string> calls;
  const auto event = std::make_shared<Later>();
  harness.graph.source("src", 100, 4);
  harness.graph.serial("late", "src", [&](SerialContext& ctx) {
    const std::uint64_t seq = ctx.input().header.seq;
    calls.push_back("begin " + std::to_string(seq));
    ctx.when(seq == 0 ? Event(event) : Event(), [&](SerialContext& later) {
      calls.push_back("end " + std::to_string(later.input().header.seq));
      pass_on_serial(later);
    });
  });
  harness.graph.sink("end", "late", seen);
  harness.build(2);
  harness.step(0), harness.step(0);
  harness.step(1), harness.step(1);  // the second packet comes while the first call waits
  CHECK(calls == std::vector<std::string>{"begin 0"});
  CHECK(harness.alive() == 2);
  event->happened = true;
  harness.wait_for_work(1);
  harness.step(1);
  CHECK(calls == std::vector<std::string>{"begin 0", "end 0", "begin 1", "end 1"});
  CHECK(harness.nodes[1]->inputs()[0]->taken == 2);
  harness.step(2), harness.step(2);
  CHECK(seen.rows == expected_rows(8, 1));
}

TEST_CASE("metrics and models hold their epoch but no block", "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  harness.graph.source("src", 4, 4);
  harness.graph.add("learn", std::make_unique<FunctionSerial>([](SerialContext& ctx) {
                      OutputPacket metrics;
                      metrics.metrics = std::make_shared<Metrics>();
                      ctx.emit("metrics", std::move(metrics));
                    }),
                    {{"in", "src"}}, {{"metrics", PortSpec::of_kind(PortKind::metrics)}});
  harness.graph.sink("end", "learn.metrics", seen);
  harness.build(1);
  harness.step(0), harness.step(1);  // pass 1
  CHECK(harness.queued(2) == 1);
  CHECK(harness.queued(0) == 1);     // the only block is free again
  harness.step(0), harness.step(1);  // pass 2
  CHECK(harness.queued(0) == 0);     // pass 3 waits for the metrics of epoch 1
  harness.step(2);
  CHECK(harness.queued(0) == 1);
}

TEST_CASE("a serial node queues its packets in order, a transform passes on the lease", "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  harness.graph.source("src", 100, 4);
  harness.graph.transform("map", "src");
  harness.graph.sink("end", "map", seen);
  harness.build(3);
  harness.step(0), harness.step(0), harness.step(0);
  REQUIRE(harness.queued(1) == 3);
  std::swap(harness.queues[1].works[0], harness.queues[1].works[2]);
  harness.step(1), harness.step(1);
  CHECK(harness.queued(2) == 0);
  CHECK(harness.nodes[2]->waiting(0) == 2);
  harness.step(1);
  CHECK(harness.queued(2) == 3);
  CHECK(harness.alive() == 3);
  harness.step(2), harness.step(2), harness.step(2);
  CHECK(seen.rows == expected_rows(12, 1));
  CHECK(harness.alive() == 1);
}

TEST_CASE("a grouped transform is given all packets that wait, in order, and each leaves with its own credits",
          "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  Groups groups;
  harness.graph.source("src", 100, 4);
  harness.graph.add("group", std::make_unique<Grouping>(groups), {{"in", "src"}}, {{"out", numbers(4)}});
  harness.graph.sink("end", "group", seen);
  harness.build(3);
  harness.step(0), harness.step(0), harness.step(0);
  for (int i = 0; i < 3; ++i) harness.step(1);  // the first takes all three, the others find nothing
  CHECK(groups == Groups{{0, 1, 2}});
  CHECK(harness.nodes[1]->report().packets == 3);
  CHECK(harness.alive() == 3);
  harness.step(2);
  CHECK(harness.alive() == 3);  // one came back, and is the next credit
  CHECK(harness.queued(0) == 1);
  harness.step(0), harness.step(1);
  CHECK(groups.back() == std::vector<std::uint64_t>{3});
  harness.step(2), harness.step(2), harness.step(2);
  CHECK(seen.rows == expected_rows(16, 1));
}

TEST_CASE("packets that wait for a grouped transform when the run stops count as discarded", "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  Groups groups;
  harness.graph.source("src", 100, 4);
  harness.graph.add("group", std::make_unique<Grouping>(groups), {{"in", "src"}}, {{"out", numbers(4)}});
  harness.graph.sink("end", "group", seen);
  harness.build(4);
  harness.step(0), harness.step(0);
  harness.stop.fail(RunFailure());
  harness.step(0), harness.step(1), harness.step(1);
  CHECK(groups.empty());
  CHECK(harness.nodes[1]->report().discarded == 2);
  CHECK(harness.nodes[1]->report().packets == 0);
  CHECK(harness.alive() == 0);
}

TEST_CASE("a grouped transform that forgets a packet is told so", "[adapter]") {
  AdapterHarness harness;
  Groups groups;
  harness.graph.source("src", 100, 4);
  harness.graph.add("group", std::make_unique<Grouping>(groups, 1), {{"in", "src"}}, {{"out", numbers(4)}});
  harness.build(2);
  harness.step(0), harness.step(0), harness.step(1);
  REQUIRE(harness.stop.failures().size() == 1);
  CHECK(harness.stop.failures().front().name == "transform-contract");
  CHECK(harness.stop.failures().front().packet == 1);
}

TEST_CASE("a group lies in one epoch, so that what fails in it fails in that one", "[adapter]") {
  AdapterHarness harness;
  Groups groups;
  harness.graph.source("src", 8, 4);
  harness.graph.add("group", std::make_unique<Grouping>(groups, 2), {{"in", "src"}}, {{"out", numbers(4)}});
  harness.build(4);
  for (int i = 0; i < 3; ++i) harness.step(0);
  harness.step(1);
  CHECK(groups == Groups{{0, 1}, {2}});
  REQUIRE(harness.stop.failures().size() == 1);
  CHECK(harness.stop.failures().front().epoch == 2);
}

TEST_CASE("once the run stops, arriving, queued and waiting packets count as discarded", "[adapter]") {
  AdapterHarness harness;
  Seen seen;
  harness.graph.source("src", 100, 4);
  harness.graph.transform("map", "src");
  harness.graph.sink("end", "map", seen);
  harness.build(4);
  for (int i = 0; i < 4; ++i) harness.step(0);
  std::swap(harness.queues[1].works[0], harness.queues[1].works[1]);
  harness.step(1);  // packet 1, which waits for packet 0 at the sink
  harness.stop.fail(RunFailure());
  harness.step(1), harness.step(1), harness.step(1);
  CHECK(harness.nodes[1]->report().packets == 1);
  CHECK(harness.nodes[1]->report().discarded == 3);
  CHECK(harness.nodes[2]->report().discarded == 0);
  harness.nodes[2]->discard_waiting();
  CHECK(harness.nodes[2]->report().discarded == 1);
  CHECK(seen.packets.empty());
  CHECK(harness.alive() == 0);
}

TEST_CASE("an unconsumed output does not keep blocks alive", "[adapter]") {
  AdapterHarness harness;
  harness.graph.source("src", 100, 4);
  harness.graph
      .add("batches", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"in", "src"}}, {{"out", numbers(8)}})
      .accumulates_rows = 8;
  harness.build(1);
  for (int i = 0; i < 5; ++i) harness.step(0), harness.step(1);
  CHECK(harness.nodes[1]->report().packets == 5);
}
