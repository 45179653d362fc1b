// What a run tells its user, and where a node's time goes.
#include "run/run_history.hpp"
#include "catch.hpp"
#include "run/node_clock.hpp"

using namespace millrace;
using namespace millrace::pipelines;

namespace {

using Clock = std::chrono::steady_clock;

Metrics metrics(std::uint32_t epoch, std::vector<std::pair<std::string, double>> values) {
  Metrics m;
  m.epoch = epoch;
  m.values = std::move(values);
  return m;
}

struct Log : RunObserver {
  std::vector<std::string> lines;
  void epoch(const Metrics& m, bool complete) override {
    std::string line = std::to_string(m.epoch) + (complete ? " complete" : "");
    for (const auto& [name, value] : m.values) line += " " + name;
    lines.push_back(line);
  }
};

}  // namespace

TEST_CASE("metrics of one epoch from several sinks become one record, in the order in which they came", "[history]") {
  Log log;
  RunHistory history(&log, Clock::now());
  history.epoch_metrics(metrics(1, {{"loss", 0.5}, {"accuracy", 0.8}}));
  history.epoch_metrics(metrics(2, {{"loss", 0.4}}));
  history.epoch_metrics(metrics(1, {{"val_loss", 0.6}, {"loss", 0.45}}));
  history.epoch_ended(1);
  history.epoch_ended(3);
  CHECK(log.lines == std::vector<std::string>{"1 loss accuracy", "2 loss", "1 loss accuracy val_loss",
                                              "1 complete loss accuracy val_loss"});
  REQUIRE(history.epochs().size() == 2);
  CHECK(history.epochs()[0].find("loss") == 0.45);
  CHECK(history.epochs()[1].epoch == 2);
}

TEST_CASE("without an observer everything is kept all the same", "[history]") {
  RunHistory history(nullptr, Clock::now());
  history.epoch_metrics(metrics(1, {{"loss", 0.5}}));
  history.epoch_ended(1);
  history.print("nobody reads this\n");
  CHECK(history.first_step_seconds() == 0);
  history.step({});
  CHECK(history.first_step_seconds() > 0);
  CHECK(history.epochs().size() == 1);
}

TEST_CASE("busy, idle and waiting of a serial node add up to the time it was open", "[clock]") {
  NodeClock clock;
  const auto before = Clock::now();
  clock.open();
  const auto opened = Clock::now();
  for (int i = 0; i < 100; ++i) {
    clock.ready();
    clock.finish(clock.begin());
  }
  const auto closing = Clock::now();
  clock.close();
  const auto after = Clock::now();
  const NodeClock::Sums sums = clock.sums();
  const double total = sums.busy + sums.idle + sums.waiting;
  CHECK(sums.busy > 0);
  CHECK(sums.idle > 0);
  CHECK(sums.waiting > 0);
  CHECK(total >= std::chrono::duration<double>(closing - opened).count() * 0.999999);
  CHECK(total <= std::chrono::duration<double>(after - before).count() * 1.000001);
}

TEST_CASE("time before opening and after closing does not count", "[clock]") {
  NodeClock clock;
  clock.ready();
  clock.finish(clock.begin());
  clock.open();
  clock.close();
  const double idle = clock.sums().idle, waiting = clock.sums().waiting;
  clock.ready();
  clock.finish(clock.begin());
  CHECK(clock.sums().idle == idle);
  CHECK(clock.sums().waiting == waiting);
}
