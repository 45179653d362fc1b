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

/// Every packet that a node emitted was taken or discarded by the next.
void check_chain_balances(const RunReport& report) {
  for (std::size_t i = 1; i < report.nodes.size(); ++i) {
    INFO(report.nodes[i].name);
    CHECK(report.nodes[i - 1].emitted == report.nodes[i].packets + report.nodes[i].discarded);
  }
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
  check_chain_balances(report);
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

TEST_CASE("a signal finishes the packet in hand and discards the rest", "[runner]") {
  const int threads = GENERATE(1, 4);
  TestGraph graph(100, threads);
  std::atomic<int> signal{0};
  Seen seen;
  bool saw_stop = false;
  graph.source("src", 1000, 10);
  graph.transform("a", "src");
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              if (ctx.input().header.seq == 150) signal = 15;
              if (signal != 0) saw_stop = ctx.stopping();
              seen.add(ctx.input());
            }),
            {{"in", "a"}}, {});
  RunOptions options;
  options.stop_signal = &signal;
  const RunReport report = graph.run(options);
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(report.exit_code == 143);
  CHECK(report.reason == "signal 15");
  CHECK(saw_stop);
  CHECK(seen.packets.size() == 151);
  CHECK(seen.ended == std::vector<std::uint32_t>{1});
  CHECK(report.leaked_bytes == 0);
  check_chain_balances(report);
}

TEST_CASE("a stage that works for long sees a signal while no packet moves", "[runner]") {
  TestGraph graph(1, 2);
  std::atomic<int> signal{0};
  std::latch inside(1);
  graph.source("src", 100, 10);
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              inside.count_down();
              while (!ctx.stopping()) std::this_thread::yield();
            }),
            {{"in", "src"}}, {});
  std::thread user([&] {
    inside.wait();
    signal = 2;
  });
  RunOptions options;
  options.stop_signal = &signal;
  const RunReport report = graph.run(options);
  user.join();
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(report.exit_code == 130);
  CHECK(report_of(report, "end").packets == 1);
}

TEST_CASE("a signal before the start stops before any data", "[runner]") {
  TestGraph graph(1, 2);
  const std::atomic<int> signal{2};
  Seen seen;
  graph.source("src", 100, 10);
  graph.sink("end", "src", seen);
  RunOptions options;
  options.stop_signal = &signal;
  const RunReport report = graph.run(options);
  CHECK(report.exit_code == 130);
  CHECK(report.reason == "signal 2");
  CHECK(seen.packets.empty());
}

TEST_CASE("an epoch that a signal cut short is not told as complete", "[runner]") {
  struct Complete : pipelines::RunObserver {
    std::vector<std::uint32_t> epochs;
    void epoch(const Metrics& metrics, bool complete) override {
      if (complete) epochs.push_back(metrics.epoch);
    }
  } observer;
  TestGraph graph(3, 2);
  std::atomic<int> signal{0};
  RunNews* news = nullptr;
  Life life;
  life.open = [&](OpenContext& ctx) { news = &ctx.news(); };
  graph.source("src", 100, 10);
  graph.add("end",
            std::make_unique<FunctionSerial>(
                [&](SerialContext& ctx) {
                  Metrics metrics;
                  metrics.epoch = ctx.input().header.epoch;
                  metrics.set("loss", 1);
                  news->epoch_metrics(metrics);
                  if (metrics.epoch == 2) signal = 2;
                },
                life),
            {{"in", "src"}}, {});
  RunOptions options;
  options.observer = &observer;
  options.stop_signal = &signal;
  const RunReport report = graph.run(options);
  CHECK(report.reason == "signal 2");
  CHECK(observer.epochs == std::vector<std::uint32_t>{1});
  CHECK(report.epochs.size() == 2);
}

TEST_CASE("a transform that does not emit exactly once breaks its contract", "[runner]") {
  const auto run_with = [](std::function<void(TransformContext&)> f) {
    TestGraph graph(1, 2);
    Seen seen;
    graph.source("src", 40, 4);
    graph.transform("bad", "src", std::move(f));
    graph.sink("end", "bad", seen);
    return graph.run().failures.at(0);
  };
  const RunFailure none = run_with([](TransformContext& ctx) {
    if (ctx.input().header.seq != 4) pass_on(ctx);
  });
  CHECK(none.name == "transform-contract");
  CHECK(none.node == "bad");
  CHECK(none.packet == 4);
  CHECK(run_with([](TransformContext& ctx) { pass_on(ctx), pass_on(ctx); }).name == "transform-contract");
  CHECK(run_with([](TransformContext& ctx) { ctx.emit("out", ctx.input().tensor().slice(0, 1)); }).name ==
        "transform-contract");
  CHECK(run_with([](TransformContext& ctx) { ctx.emit("elsewhere", ctx.input().tensor()); }).name == "no-such-port");
}

TEST_CASE("a source must send one packet on every output, all alike", "[runner]") {
  const auto run_with = [](std::function<void(SourceContext&)> f) {
    TestGraph graph(1, 2);
    Seen seen;
    graph.add("bad", std::make_unique<FunctionSource>(std::move(f)), {}, {{"x", numbers(4)}, {"y", numbers(4)}});
    graph.sink("end", "bad.x", seen);
    return graph.run().failures.at(0).name;
  };
  const auto memory = make_host_allocator();
  const auto emission = [&](std::int64_t rows, bool last, std::uint64_t id = 0) {
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows), id);
    OutTensor out(number_spec(), rows, *memory);
    return Emission::tensor(std::move(out).freeze(), ids, 0, last);
  };
  CHECK(run_with([&](SourceContext& ctx) { ctx.emit("x", emission(2, true)); }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", emission(2, true));
          ctx.emit("x", emission(2, true));
        }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", emission(2, true));
          ctx.emit("y", emission(3, true));
        }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", emission(2, true));
          ctx.emit("y", emission(2, false));
        }) == "source-contract");
  CHECK(run_with([&](SourceContext& ctx) {
          ctx.emit("x", emission(2, true));
          ctx.emit("y", emission(2, true, 7));
        }) == "source-contract");
  CHECK(run_with([](SourceContext&) {}) == "source-contract");
}

TEST_CASE("a source that has other rows than it promised is caught", "[runner]") {
  TestGraph graph(1, 2);
  Seen seen;
  graph.source("src", 41, 4).outputs[0].second.rows_per_pass = 40;
  graph.sink("end", "src", seen);
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"source-contract"});
  CHECK(report.failures[0].message == "41 rows in a pass, promised were 40");
}

TEST_CASE("what a stage emits must be what infer promised", "[runner]") {
  const auto run_with = [](PortSpec promised, std::function<void(SerialContext&)> f) {
    TestGraph graph(1, 2);
    Seen seen;
    graph.source("src", 40, 4);
    graph.serial("bad", "src", std::move(f)).outputs[0].second = std::move(promised);
    graph.sink("end", "bad", seen);
    const RunFailure failure = graph.run().failures.at(0);
    CHECK(failure.node == "bad");
    return failure.name;
  };
  TensorSpec floats = number_spec(), vectors = number_spec();
  floats.dtype = DType::f32;
  vectors.row_shape = {3};
  PortSpec renamed = numbers();
  renamed.fields[0].name = "images";
  CHECK(run_with(PortSpec::single(floats, {}, 4), pass_on_serial) == "output-mismatch");
  CHECK(run_with(PortSpec::single(vectors, {}, 4), pass_on_serial) == "output-mismatch");
  CHECK(run_with(renamed, pass_on_serial) == "output-mismatch");
  CHECK(run_with(numbers(3), pass_on_serial) == "output-mismatch");
  CHECK(run_with(PortSpec::of_kind(PortKind::model), pass_on_serial) == "output-mismatch");
  CHECK(run_with(PortSpec::of_kind(PortKind::metrics), pass_on_serial) == "output-mismatch");
  CHECK(run_with(numbers(4), [](SerialContext& ctx) {
          ctx.emit("out", Emission::tensor(ctx.input().tensor(), nullptr, 0, false));
        }) == "output-mismatch");
}

TEST_CASE("a stage that drops packets before a join is caught by the ids of the samples", "[runner]") {
  TestGraph graph(1, 2);
  graph.source("src", 400, 4).budget_blocks = 200;
  graph.serial("drops", "src", [](SerialContext& ctx) {
    if (ctx.input().header.seq != 20) pass_on_serial(ctx);
  });
  graph.transform("keeps", "src");
  graph.add("join", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"x", "drops"}, {"y", "keeps"}}, {});
  const RunReport report = graph.run();
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures[0].name == "join-mismatch");
  CHECK(report.failures[0].node == "join");
  CHECK(report.failures[0].packet == 20);
  CHECK(report.failures[0].message.find("row 0 is sample 84 beside sample 80") != std::string::npos);
}

TEST_CASE("a stage that drops the last packets before a join ends in lost-packet", "[runner]") {
  TestGraph graph(1, 2);
  graph.source("src", 400, 4).budget_blocks = 200;
  graph.serial("drops", "src", [](SerialContext& ctx) {
    if (ctx.input().header.seq < 98) pass_on_serial(ctx);
  });
  graph.transform("keeps", "src");
  graph.add("join", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"x", "drops"}, {"y", "keeps"}}, {});
  const RunReport report = graph.run();
  CHECK(report.exit_code == 1);
  REQUIRE_FALSE(report.failures.empty());
  bool found = false;
  for (const RunFailure& failure : report.failures)
    if (failure.name == "lost-packet" && failure.message.find("edge keeps.out -> join.y: 2 packets wait") == 0)
      found = true;
  CHECK(found);
}

TEST_CASE("a stage that swallows the end of a pass is caught", "[runner]") {
  TestGraph graph(2, 2);
  Seen seen;
  graph.source("src", 40, 4);
  graph.serial("swallows", "src", [](SerialContext& ctx) {
    if (!ctx.input().header.last_in_epoch) pass_on_serial(ctx);
  });
  graph.sink("end", "swallows", seen);
  const RunReport report = graph.run();
  REQUIRE(failure_names(report) == std::vector<std::string>{"lost-packet"});
  CHECK(report.failures[0].message == "edge swallows.out -> end.in: the end of 0 passes arrived, expected were 2");
}

TEST_CASE("a stage that keeps packets is caught by name", "[runner]") {
  SECTION("one packet, and the run comes to its end") {
    TestGraph graph(1, 2);
    graph.source("src", 40, 4);
    graph.add("keeper", std::make_unique<FunctionSerial>([kept = std::make_shared<Packet>()](SerialContext& ctx) {
                if (ctx.input().header.seq == 3) *kept = ctx.input();
              }),
              {{"in", "src"}}, {});
    const RunReport report = graph.run();
    REQUIRE(failure_names(report) == std::vector<std::string>{"kept-packet"});
    CHECK(report.failures[0].node == "keeper");
    CHECK(report.leaked_bytes == 0);
  }
  SECTION("all packets, and the source starves") {
    TestGraph graph(1, 2);
    graph.source("src", 40, 4);
    graph.add("keeper",
              std::make_unique<FunctionSerial>([kept = std::make_shared<std::vector<Packet>>()](SerialContext& ctx) {
                kept->push_back(ctx.input());
              }),
              {{"in", "src"}}, {});
    const RunReport report = graph.run();
    REQUIRE(report.failures.size() >= 2);
    CHECK(report.failures.front().name == "unfinished-pass");
    CHECK(report.failures.back().name == "kept-packet");
    CHECK(report.failures.back().node == "keeper");
  }
  SECTION("beyond its own end") {
    const auto kept = std::make_shared<Packet>();
    TestGraph graph(1, 2);
    graph.source("src", 40, 4);
    graph.add("keeper", std::make_unique<FunctionSerial>([kept](SerialContext& ctx) {
                if (ctx.input().header.seq == 3) *kept = ctx.input();
              }),
              {{"in", "src"}}, {});
    const RunReport report = graph.run();
    CHECK(failure_names(report) == std::vector<std::string>{"kept-packet", "leaked-memory"});
    CHECK(report.leaked_bytes > 0);
    CHECK(kept->tensor().stored<std::int32_t>()[0] == 12);  // and it does no harm later
  }
}

TEST_CASE("an observer that throws is a failure of the run and not its end", "[runner]") {
  struct Thrower : pipelines::RunObserver {
    void epoch(const Metrics&, bool complete) override {
      if (complete) throw std::runtime_error("the terminal is gone");
    }
  } observer;
  TestGraph graph(2, 2);
  RunNews* news = nullptr;
  Life life;
  life.open = [&](OpenContext& ctx) { news = &ctx.news(); };
  graph.source("src", 40, 4);
  graph.add("end",
            std::make_unique<FunctionSerial>(
                [&](SerialContext& ctx) {
                  Metrics metrics;
                  metrics.epoch = ctx.input().header.epoch;
                  news->epoch_metrics(metrics);
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
