// Runs that are stopped from outside: the work in hand is finished, the rest discarded and counted.
#include "catch.hpp"
#include "test_stages.hpp"

#include <atomic>
#include <latch>
#include <thread>

using namespace millrace;
using namespace millrace::testing;

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
  CHECK(chain_balances(report));
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

TEST_CASE("who waits for a run that hangs is told which nodes are at work", "[runner]") {
  TestGraph graph(1, 2);
  std::atomic<int> signal{0};
  std::latch inside(1);
  std::vector<std::string> at_work;
  pipelines::ActiveNodes nodes;
  graph.source("src", 1, 1);
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              inside.count_down();
              while (!ctx.stopping()) std::this_thread::yield();
            }),
            {{"in", "src"}}, {});
  CHECK(nodes.now().called.empty());
  std::thread user([&] {
    inside.wait();
    while ((at_work = nodes.now().called).size() != 1)
      std::this_thread::yield();  // the source may not have returned yet
    signal = 2;
  });
  RunOptions options;
  options.stop_signal = &signal;
  options.at_work = &nodes;
  CHECK(graph.run(options).exit_code == 130);
  user.join();
  CHECK(at_work == std::vector<std::string>{"end"});
  CHECK(nodes.now().called.empty());
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
  RunReporter* reporter = nullptr;
  Life life;
  life.open = [&](OpenContext& ctx) { reporter = &ctx.reporter(); };
  graph.source("src", 100, 10);
  graph.add("end",
            std::make_unique<FunctionSerial>(
                [&](SerialContext& ctx) {
                  Metrics metrics;
                  metrics.epoch = ctx.input().header.epoch;
                  metrics.set("loss", 1);
                  reporter->epoch_metrics(metrics);
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
