// Whole graphs of small stages: order, back-pressure, epochs, forks and joins.
#include "catch.hpp"
#include "test_stages.hpp"

#include <millrace/model.hpp>

#include <atomic>
#include <set>
#include <thread>

using namespace millrace;
using namespace millrace::testing;

namespace {

struct Recorder : pipelines::RunObserver {
  std::vector<std::uint32_t> complete;
  std::vector<double> losses;
  std::string text;
  int steps = 0;
  void step(const std::string&, const StepProgress&) override { ++steps; }
  void epoch(const Metrics& metrics, bool is_complete) override {
    if (!is_complete) return;
    complete.push_back(metrics.epoch);
    losses.push_back(metrics.find("loss").value_or(-1));
  }
  void print(std::string_view t) override { text += t; }
};

std::vector<std::pair<std::uint32_t, std::uint64_t>> packets_of(int epochs, int blocks) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> all;
  for (int i = 0; i < epochs * blocks; ++i) all.emplace_back(i / blocks + 1, i);
  return all;
}

}  // namespace

TEST_CASE("a chain delivers every row once, in order, on any number of threads", "[runner]") {
  const int threads = GENERATE(1, 2, 8);
  TestGraph graph(3, threads);
  Seen seen;
  graph.source("src", 1000, 7);
  graph.transform("a", "src");
  graph.serial("b", "a");
  graph.transform("c", "b");
  graph.sink("end", "c", seen);
  const RunReport report = graph.run();
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(report.exit_code == 0);
  CHECK(report.reason == "done");
  CHECK(seen.rows == expected_rows(1000, 3));
  CHECK(seen.packets == packets_of(3, 143));
  CHECK(seen.ended == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(report.leaked_bytes == 0);
  CHECK(report.peak_bytes > 0);
  CHECK(report_of(report, "src").emitted == 429);
  CHECK(report_of(report, "end").packets == 429);
  CHECK(report_of(report, "end").discarded == 0);
}

TEST_CASE("threads that overtake each other do not change the order behind a transform", "[runner]") {
  TestGraph graph(1, 4);
  Seen seen;
  graph.source("src", 400, 1);
  graph.transform("uneven", "src", [](TransformContext& ctx) {
    if (ctx.input().header.seq % 3 == 0) std::this_thread::yield();
    pass_on(ctx);
  });
  graph.sink("end", "uneven", seen);
  CHECK(graph.run().exit_code == 0);
  CHECK(seen.rows == expected_rows(400, 1));
}

TEST_CASE("a fork gives every consumer every packet and a join puts them together again", "[runner]") {
  TestGraph graph(2, 4);
  Seen left, joined;
  std::atomic<int> wrong{0};
  graph.source("src", 500, 9);
  graph.transform("a", "src");
  graph.transform("b", "src");
  graph.sink("left", "a", left);
  graph.add("join", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              const auto a = ctx.input("x").tensor().stored<std::int32_t>();
              const auto b = ctx.input("y").tensor().stored<std::int32_t>();
              if (!std::equal(a.begin(), a.end(), b.begin(), b.end())) ++wrong;
              joined.add(ctx.input("x"));
            }),
            {{"x", "a"}, {"y", "b"}}, {});
  CHECK(graph.run().exit_code == 0);
  CHECK(wrong == 0);
  CHECK(left.rows == expected_rows(500, 2));
  CHECK(joined.rows == expected_rows(500, 2));
}

TEST_CASE("both outputs of a source reach a joined transform", "[runner]") {
  TestGraph graph(2, 2);
  Seen seen;
  graph.source("src", 100, 8, std::vector<std::string>{"images", "labels"});
  graph.add("both", std::make_unique<FunctionTransform>([](TransformContext& ctx) {
              ctx.emit("out", ctx.input("y").tensor());
            }),
            {{"x", "src.images"}, {"y", "src.labels"}}, {{"out", numbers()}});
  graph.sink("end", "both", seen);
  CHECK(graph.run().exit_code == 0);
  CHECK(seen.rows == expected_rows(100, 2));
}

TEST_CASE("a batch larger than all blocks of the budget is filled when the budget was widened", "[runner]") {
  TestGraph graph(2, 2);
  Seen seen;
  ValidatedNode& source = graph.source("src", 10000, 64);
  source.declared_blocks = 1;
  source.budget_blocks = 4096 / 64 + 1;
  graph.add("batches", std::make_unique<TestBatcher>(4096), {{"in", "src"}}, {{"out", numbers(4096)}})
      .accumulates_rows = 4096;
  graph.sink("end", "batches", seen);
  const RunReport report = graph.run();
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(seen.rows == expected_rows(10000, 2));
  CHECK(seen.packets.size() == 6);
}

TEST_CASE("a budget that is too small for the batch is widened and told, and fails where its limit of bytes forbids it",
          "[runner]") {
  const bool limited = GENERATE(false, true);
  CAPTURE(limited);
  TestGraph graph(1, 2);
  Seen seen;
  ValidatedNode& src = graph.source("src", 10000, 64);
  src.budget_blocks = 1;
  if (limited) src.budget_bytes = std::size_t{64} * sizeof(std::int32_t);
  graph.add("batches", std::make_unique<TestBatcher>(4096), {{"in", "src"}}, {{"out", numbers(4096)}})
      .accumulates_rows = 4096;
  graph.sink("end", "batches", seen);
  const RunReport report = graph.run();
  if (!limited) {
    CHECK(report.exit_code == 0);
    CHECK(seen.rows == expected_rows(10000, 1));
    REQUIRE(report.widened.size() == 1);
    CHECK(report.widened[0].node == "src");
    return;
  }
  CHECK(report.exit_code == 1);
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures[0].name == "unfinished-epoch");
  CHECK(report.failures[0].node == "src");
  CHECK(report.failures[0].message.find("0 of 1 epoch,") != std::string::npos);
}

TEST_CASE("never more blocks are alive than the budget allows", "[runner]") {
  const std::int64_t budget = GENERATE(1, 2, 8);
  TestGraph graph(2, 4);
  std::atomic<std::int64_t> alive{0}, most{0};
  graph
      .source("src", 300, 3,
              [&](std::uint32_t, std::int64_t) {
                const std::int64_t now = ++alive;
                std::int64_t known = most;
                while (now > known && !most.compare_exchange_weak(known, now)) {
                }
              })
      .budget_blocks = budget;
  graph.transform("a", "src");
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext&) { --alive; }), {{"in", "a"}}, {});
  CHECK(graph.run().exit_code == 0);
  CHECK(alive == 0);
  CHECK(most <= budget);
}

TEST_CASE("a byte budget limits blocks too, but always lets one through", "[runner]") {
  const std::size_t bytes = GENERATE(1U, 100U, 10000U);
  TestGraph graph(1, 2);
  Seen seen;
  graph.source("src", 300, 10).budget_bytes = bytes;
  graph.sink("end", "src", seen);
  const RunReport report = graph.run();
  CHECK(report.exit_code == 0);
  CHECK(seen.rows == expected_rows(300, 1));
}

TEST_CASE("with epochs 0 every source makes one epoch with epoch number 0", "[runner]") {
  TestGraph graph(0, 2);
  Seen seen;
  graph.source("src", 100, 10);
  graph.sink("end", "src", seen);
  CHECK(graph.run().exit_code == 0);
  CHECK(seen.rows == expected_rows(100, 1));
  CHECK(seen.ended == std::vector<std::uint32_t>{0});
}

TEST_CASE("stop_after ends the run with the epoch behind the one it was decided from", "[runner]") {
  const int threads = GENERATE(1, 4);
  TestGraph graph(50, threads);
  Seen seen;
  graph.source("src", 100, 10);
  graph.source("other", 30, 10);
  graph.add("end", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              seen.add(ctx.input());
              if (ctx.input().header.epoch == 3 && ctx.input().header.last_in_epoch) ctx.stop_after(3);
            }),
            {{"in", "src"}}, {});
  Seen others;
  graph.sink("others", "other", others);
  const RunReport report = graph.run();
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(seen.ended == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(others.ended == std::vector<std::uint32_t>{1, 2, 3, 4});
}

TEST_CASE("epochs end in order, each after its last packet, and complete metrics are told once", "[runner]") {
  TestGraph graph(4, 4);
  Recorder recorder;
  RunReporter* reporter = nullptr;
  Life life;
  life.open = [&](OpenContext& ctx) { reporter = &ctx.reporter(); };
  graph.source("src", 100, 10);
  graph.add("end",
            std::make_unique<FunctionSerial>(
                [&](SerialContext& ctx) {
                  StepProgress progress;
                  progress.epoch = ctx.input().header.epoch;
                  reporter->step(progress);
                  if (!ctx.input().header.last_in_epoch) return;
                  Metrics metrics;
                  metrics.epoch = ctx.input().header.epoch;
                  metrics.set("loss", 1.0 / metrics.epoch);
                  reporter->epoch_metrics(metrics);
                  reporter->print("line\n");
                },
                life),
            {{"in", "src"}}, {});
  RunOptions options;
  options.observer = &recorder;
  const RunReport report = graph.run(options);
  CHECK(report.exit_code == 0);
  CHECK(recorder.complete == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(recorder.losses == std::vector<double>{1, 1.0 / 2, 1.0 / 3, 1.0 / 4});
  CHECK(recorder.text == "line\nline\nline\nline\n");
  CHECK(recorder.steps == 40);
  REQUIRE(report.epochs.size() == 4);
  CHECK(report.epochs[3].find("loss") == 0.25);
  CHECK(report.first_batch_seconds > 0);
}

namespace {

/// A trainer that hands out a packet an epoch, and an evaluator that keeps it until its own data of that epoch are
/// through: how many of these snapshots are alive at once?
int most_snapshots(std::uint32_t ahead) {
  TestGraph graph(12, 4);
  graph.graph().epochs_ahead = ahead;
  std::atomic<int> alive{0}, most{0};
  graph.source("train", 64, 8);
  graph.add("learn", std::make_unique<FunctionSerial>([&](SerialContext& ctx) {
              if (!ctx.input().header.last_in_epoch) return;
              const int now = ++alive;
              int known = most;
              while (now > known && !most.compare_exchange_weak(known, now)) {
              }
              OutputPacket snapshot;
              snapshot.metrics = std::make_shared<Metrics>();
              ctx.emit("model", std::move(snapshot));
            }),
            {{"in", "train"}}, {{"model", PortSpec::of_kind(PortKind::metrics)}});
  graph.source("valid", 40, 8);
  auto kept = std::make_shared<std::map<std::uint32_t, std::vector<Packet>>>();
  auto models = std::make_shared<std::map<std::uint32_t, Packet>>();
  auto evaluated = std::make_shared<std::set<std::uint32_t>>();
  graph.add("evaluate", std::make_unique<FunctionSerial>([=, &alive](SerialContext& ctx) {
              const Packet& packet = ctx.input(ctx.port());
              const std::uint32_t epoch = packet.header.epoch;
              (ctx.port() == "model" ? (*models)[epoch] : (*kept)[epoch].emplace_back()) = packet;
              if (!models->count(epoch) || !kept->count(epoch)) return;
              for (int i = 0; i < 100; ++i) std::this_thread::yield();
              const bool done = (*kept)[epoch].back().header.last_in_epoch;
              kept->erase(epoch);
              if (!done) return;
              evaluated->insert(epoch);
              --alive;  // before the model packet goes, which lets the next epoch begin
              models->erase(epoch);
            }),
            {{"data", "valid"}, {"model", "learn.model"}}, {}, InputMode::independent);
  const RunReport report = graph.run();
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(evaluated->size() == 12);
  return most;
}

}  // namespace

TEST_CASE("a slow evaluator bounds the snapshots: two with one epoch ahead, one with none", "[runner]") {
  CHECK(most_snapshots(1) <= 2);
  CHECK(most_snapshots(0) == 1);
}

TEST_CASE("two runs in one process do not disturb each other", "[runner]") {
  std::vector<Seen> seen(2);
  std::vector<RunReport> reports(2);
  const auto one = [&](std::size_t i) {
    TestGraph graph(3, 2 + static_cast<int>(i) * 3);
    graph.source("src", 500 + static_cast<std::int64_t>(i), 7);
    graph.transform("a", "src", [i](TransformContext& ctx) {
      if (i == 1 && ctx.input().header.epoch == 3)
        throw Error(ErrorKind::diverged, "planted", "in the second run only");
      pass_on(ctx);
    });
    graph.sink("end", "a", seen[i]);
    reports[i] = graph.run();
  };
  std::thread other([&] { one(1); });
  one(0);
  other.join();
  CHECK(failure_names(reports[0]).empty());
  CHECK(seen[0].rows == expected_rows(500, 3));
  REQUIRE_FALSE(reports[1].failures.empty());
  CHECK(reports[1].failures[0].name == "planted");
  CHECK(reports[1].exit_code == 8);
}

TEST_CASE("stages open in the order of the graph and close in reverse", "[runner]") {
  std::vector<std::string> calls;
  const auto life = [&](const std::string& name) {
    Life l;
    l.open = [&calls, name](OpenContext& ctx) {
      calls.push_back("open " + ctx.node() + (ctx.node() == name ? "" : "?"));
    };
    l.close = [&calls, name] { calls.push_back("close " + name); };
    return l;
  };
  TestGraph graph(1, 2);
  graph.add("a", std::make_unique<CountingSource>(10, 5, nullptr, life("a")), {}, {{"out", numbers(5)}});
  graph.add("b", std::make_unique<FunctionTransform>(pass_on, life("b")), {{"in", "a"}}, {{"out", numbers()}});
  graph.add("c", std::make_unique<FunctionSerial>([](SerialContext&) {}, life("c")), {{"in", "b"}}, {});
  CHECK(graph.run().exit_code == 0);
  CHECK(calls == std::vector<std::string>{"open a", "open b", "open c", "close c", "close b", "close a"});
}
