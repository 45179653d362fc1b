// Runs that go wrong: what fails is named, everything stops, nothing is lost without a word.
#include "catch.hpp"
#include "test_stages.hpp"

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

using namespace millrace;
using namespace millrace::testing;

namespace {

constexpr int kBlocks = 10;

/// src -> a -> b -> end, with one call that throws: `victim` in epoch 2 at block `block`.
struct Planted {
  std::string victim;
  std::uint64_t block;
  std::function<void()> thrower;

  void maybe(const std::string& node, std::uint32_t epoch, std::uint64_t at) const {
    if (node == victim && epoch == 2 && at == block) thrower();
  }
};

RunReport run_planted(const Planted& planted, int threads) {
  TestGraph graph(3, threads);
  const auto block_of = [](const Packet& p) { return p.header.seq % kBlocks; };
  graph.source("src", kBlocks * 4, 4, [&](std::uint32_t epoch, std::int64_t block) {
    planted.maybe("src", epoch, static_cast<std::uint64_t>(block));
  });
  graph.transform("a", "src", [&](TransformContext& ctx) {
    planted.maybe("a", ctx.input().header.epoch, block_of(ctx.input()));
    pass_on(ctx);
  });
  graph.serial("b", "a", [&](SerialContext& ctx) {
    planted.maybe("b", ctx.input().header.epoch, block_of(ctx.input()));
    pass_on_serial(ctx);
  });
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              planted.maybe("end", ctx.input().header.epoch, block_of(ctx.input()));
            }),
            {{"in", "b"}}, {});
  return graph.run();
}

}  // namespace

TEST_CASE("a failing stage of any kind at any packet stops the run and is named", "[runner]") {
  const std::string victim = GENERATE("src", "a", "b", "end");
  const std::uint64_t block = GENERATE(0, 5, kBlocks - 1);
  const int threads = GENERATE(1, 4);
  const RunReport report = run_planted(
      {victim, block, [] { throw Error(ErrorKind::data, "planted", "a planted failure", "remove it"); }}, threads);
  INFO(victim << " at block " << block << " on " << threads << " threads");
  REQUIRE(failure_names(report) == std::vector<std::string>{"planted"});
  const RunFailure& failure = report.failures[0];
  CHECK(failure.node == victim);
  CHECK(failure.stage == "stage_of_" + victim);
  CHECK(failure.epoch == 2);
  CHECK(failure.packet == kBlocks + block);
  CHECK(failure.where.line >= 10);
  CHECK(failure.message == "a planted failure");
  CHECK(failure.help == "remove it");
  CHECK(report.exit_code == 4);
  CHECK(report.reason == "failed");
  CHECK(report.leaked_bytes == 0);
  CHECK(chain_balances(report));
}

TEST_CASE("of packets of a transform that fail side by side the first is told, on any number of threads", "[runner]") {
  const int threads = GENERATE(range(1, 9));
  for (int repeat = 0; repeat < 5; ++repeat) {
    TestGraph graph(3, threads);
    Seen seen;
    graph.source("labels", 40, 10).budget_blocks = 8;
    graph.transform("one_hot", "labels", [](TransformContext& ctx) {
      if (ctx.input().header.seq % 4 == 1) throw Error(ErrorKind::data, "planted", "a label of no class");
      pass_on(ctx);
    });
    graph.sink("end", "one_hot", seen);
    const RunReport report = graph.run();
    REQUIRE(failure_names(report) == std::vector<std::string>{"planted"});
    CHECK(report.failures[0].epoch == 1);
    CHECK(report.failures[0].packet == 1);
  }
}

TEST_CASE("one thread alone brings a block to the end before it produces the next", "[runner]") {
  TestGraph graph(1, 1);
  std::vector<std::string> order;
  graph.source("src", 40, 10, [&](std::uint32_t, std::int64_t block) { order.push_back("p" + std::to_string(block)); });
  graph.transform("a", "src");
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              order.push_back("e" + std::to_string(ctx.input().header.seq));
            }),
            {{"in", "a"}}, {});
  CHECK(graph.run().exit_code == 0);
  CHECK(order == std::vector<std::string>{"p0", "e0", "p1", "e1", "p2", "e2", "p3", "e3"});
}

TEST_CASE("whatever is thrown becomes a failure with a name", "[runner]") {
  const auto first = [](std::function<void()> thrower) {
    return run_planted({"a", 3, std::move(thrower)}, 2).failures.at(0);
  };
  CHECK(first([] { throw std::runtime_error("an ordinary one"); }).name == "stage-exception");
  CHECK(first([] { throw std::runtime_error("an ordinary one"); }).message == "an ordinary one");
  CHECK(first([] { throw 42; }).name == "unknown-exception");
  CHECK(first([] { throw std::bad_alloc(); }).name == "out-of-memory");
  CHECK(first([] { throw Error(ErrorKind::diverged, "not-finite", "x"); }).kind == ErrorKind::diverged);
}

TEST_CASE("two stages that fail at the same time are both reported", "[runner]") {
  TestGraph graph(1, 2);
  std::latch both(2);
  const auto fail_together = [&both](TransformContext& ctx) {
    if (ctx.input().header.seq != 2) return pass_on(ctx);
    both.arrive_and_wait();
    throw Error(ErrorKind::run, "planted", "in company");
  };
  graph.source("src", 40, 4);
  graph.transform("a", "src", fail_together);
  graph.transform("b", "src", fail_together);
  Seen seen_a, seen_b;
  graph.sink("end_a", "a", seen_a);
  graph.sink("end_b", "b", seen_b);
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"planted", "planted"});
  CHECK(report.failures[0].node != report.failures[1].node);
}

TEST_CASE("a stage that cannot open stops the run before any data, and those opened are closed", "[runner]") {
  TestGraph graph(1, 2);
  Seen seen;
  std::vector<std::string> calls;
  Life opens, fails;
  opens.open = [&](OpenContext&) { calls.push_back("open src"); };
  opens.close = [&] { calls.push_back("close src"); };
  fails.open = [&](OpenContext&) { throw Error(ErrorKind::output, "file-locked", "cannot open"); };
  fails.close = [&] { calls.push_back("close a"); };
  graph.add("src", std::make_unique<CountingSource>(10, 5, nullptr, opens), {}, {{"out", numbers(5)}});
  graph.add("a", std::make_unique<FunctionTransform>(pass_on, fails), {{"in", "src"}}, {{"out", numbers()}});
  graph.sink("end", "a", seen);
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"file-locked"});
  CHECK(report.failures[0].node == "a");
  CHECK(report.exit_code == 7);
  CHECK(calls == std::vector<std::string>{"open src", "close src"});
  CHECK(seen.packets.empty());
}

TEST_CASE("every opened stage is closed once after a failure elsewhere", "[runner]") {
  TestGraph graph(1, 2);
  int closed = 0;
  Life life;
  life.close = [&] { ++closed; };
  graph.add("src", std::make_unique<CountingSource>(100, 5, nullptr, life), {}, {{"out", numbers(5)}});
  graph.transform("a", "src", [](TransformContext&) { throw std::runtime_error("planted"); });
  graph.add("end", std::make_unique<FunctionSerial>([](SerialContext&) {}, life), {{"in", "a"}}, {});
  CHECK(graph.run().exit_code == 1);
  CHECK(closed == 2);
}

TEST_CASE("an observer that throws is a failure of the run and not its end", "[runner]") {
  struct Thrower : pipelines::RunObserver {
    void epoch(const Metrics&, bool complete) override {
      if (complete) throw std::runtime_error("the terminal is gone");
    }
  } observer;
  TestGraph graph(2, 2);
  RunReporter* reporter = nullptr;
  Life life;
  life.open = [&](OpenContext& ctx) { reporter = &ctx.reporter(); };
  graph.source("src", 40, 4);
  graph.add("end",
            std::make_unique<FunctionSerial>(
                [&](SerialContext& ctx) {
                  Metrics metrics;
                  metrics.epoch = ctx.input().header.epoch;
                  reporter->epoch_metrics(metrics);
                },
                life),
            {{"in", "src"}}, {});
  RunOptions options;
  options.observer = &observer;
  const RunReport report = graph.run(options);
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures[0].message == "the terminal is gone");
}

TEST_CASE("a device that does not exist is a failure before any data", "[runner]") {
  TestGraph graph(1, 2);
  Seen seen;
  graph.source("src", 40, 4);
  graph.sink("end", "src", seen);
  graph.graph().device.id = {"nonsense", 0};
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"device-unavailable"});
  CHECK(report.exit_code == 5);
  CHECK(seen.packets.empty());
}
