// Stages that do not return: who they are is told, and who waits for them.
#include "catch.hpp"
#include "run/nodes/call_watch.hpp"
#include "test_stages.hpp"

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

using namespace millrace;
using namespace millrace::testing;
using namespace std::chrono_literals;

namespace {

/// As long as it is being told something, no time counts for any stage.
struct SlowReader final : pipelines::RunObserver {
  std::latch told{1}, may_go_on{1};
  std::atomic<int> finished{0};

  void print(std::string_view) override {
    told.count_down();
    may_go_on.wait();
  }
  void finish() override { ++finished; }
};

/// src -> slow -> next -> end; `slow` does not return from packet 7 until it is let go. Its time counts from there on, so that
/// no other call can take too long, however busy the machine is.
struct HungRun {
  std::latch let_go{1};
  SlowReader reader;
  std::thread teller;
  std::vector<RunReport> told;
  TestGraph graph{3, 2};
  RunOptions options;

  explicit HungRun(std::chrono::milliseconds limit) {
    Life life;
    life.open = [this](OpenContext& ctx) {
      teller = std::thread([&reporter = ctx.reporter()] { reporter.print("time stands still"); });
      reader.told.wait();
    };
    graph.add("src", std::make_unique<CountingSource>(40, 4, nullptr, life), {}, {{"out", numbers(4)}});
    graph
        .serial("slow", "src",
                [this](SerialContext& ctx) {
                  if (ctx.input().header.seq == 7) {
                    reader.may_go_on.count_down();
                    let_go.wait();
                  }
                  pass_on_serial(ctx);
                })
        .call_timeout = limit;
    graph.transform("next", "slow");
    graph.add("end", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"in", "next"}}, {});
    options.observer = &reader;
    options.on_hung = [this](const RunReport& report) {
      told.push_back(report);
      CHECK(reader.finished == 1);
      let_go.count_down();
    };
  }
  ~HungRun() { teller.join(); }
  HungRun(const HungRun&) = delete;
  HungRun& operator=(const HungRun&) = delete;
};

}  // namespace

TEST_CASE("a stage that does not return is named with its packet and with those that wait for it", "[hung]") {
  HungRun run(20ms);
  const RunReport end = run.graph.run(run.options);
  REQUIRE(run.told.size() == 1);
  const RunReport& report = run.told[0];
  CHECK(report.exit_code == 75);
  CHECK(report.reason == "stalled");
  REQUIRE(failure_names(report) == std::vector<std::string>{"stage-hung"});
  CHECK(report.failures[0].node == "slow");
  CHECK(report.failures[0].stage == "stage_of_slow");
  CHECK(report.failures[0].epoch == 1);
  CHECK(report.failures[0].packet == 7);
  CHECK(report.failures[0].notes == std::vector<std::string>{"`next` waits for `slow`", "`end` waits for `next`"});
  CHECK(report.peak_bytes > 0);
  CHECK_FALSE(report.leaked_bytes);
  CHECK(report.nodes.size() == 4);
  CHECK(end.exit_code == 75);  // it did come back
  CHECK(failure_names(end) == std::vector<std::string>{"stage-hung"});
}

TEST_CASE("a stage that opens for ever is named too", "[hung]") {
  TestGraph graph(1, 2);
  std::latch let_go(1);
  Life life;
  life.open = [&](OpenContext&) { let_go.wait(); };
  graph.add("src", std::make_unique<CountingSource>(10, 5, nullptr, life), {}, {{"out", numbers(5)}}).call_timeout =
      20ms;
  Seen seen;
  graph.sink("end", "src", seen);
  RunOptions options;
  options.on_hung = [&](const RunReport&) { let_go.count_down(); };
  const RunReport report = graph.run(options);
  REQUIRE(failure_names(report) == std::vector<std::string>{"stage-hung"});
  CHECK(report.failures[0].node == "src");
}

TEST_CASE("a reader who does not read is no stage that hangs", "[hung]") {
  std::atomic<int> looks{0}, hung_at{0};
  pipelines::CallWatch watch(
      {{5ms,
        [&] {
          ++looks;
          return pipelines::CallLook{true, 1};
        }}},
      [&] { return looks < 50; }, [&](std::size_t) { hung_at = looks.load(); });
  while (hung_at == 0) std::this_thread::yield();
  CHECK(hung_at >= 50);
}

TEST_CASE("calls that come and go are none that hangs", "[hung]") {
  std::atomic<int> looks{0}, hung{0};
  pipelines::CallWatch watch(
      {{2ms,
        [&] {
          return pipelines::CallLook{true, static_cast<std::uint64_t>(++looks)};
        }}},
      [] { return false; }, [&](std::size_t) { ++hung; });
  while (looks < 50) std::this_thread::yield();
  CHECK(hung == 0);
}
