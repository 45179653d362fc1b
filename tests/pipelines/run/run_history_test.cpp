// What a run tells its user, and where a node's time goes.
#include "run/report/run_history.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "run/nodes/node_clock.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>

#include <cmath>
#include <limits>

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
  std::string text;
  void epoch(const Metrics& m, bool complete) override {
    std::string line = std::to_string(m.epoch) + (complete ? " complete" : "");
    for (const auto& [name, value] : m.values) line += " " + name;
    lines.push_back(line);
  }
  void print(std::string_view printed) override { text += printed; }
};

/// A trainer, an evaluator and a node that tells something of its own.
RunHistory history_of(RunObserver* observer = nullptr) {
  return {{"learn", "evaluate", "count"},
          {{"learn", "metrics", "", {}}, {"evaluate", "metrics", "val_", {}}},
          observer,
          Clock::now()};
}

std::shared_ptr<const ModelSnapshot> snapshot(std::uint32_t epoch, std::vector<float> weights) {
  auto model = std::make_shared<ModelSpec>();
  model->inputs = 1;
  for (const std::int64_t layer : {0, 1}) {
    LayerSpec dense;
    dense.inputs = dense.outputs = 1;
    dense.kernel_offset = 2 * layer;
    dense.bias_offset = 2 * layer + 1;
    model->layers.push_back(dense);
  }
  return std::make_shared<const ModelSnapshot>(model, Loss{}, epoch, std::move(weights));
}

template <class Body>
std::string name_of_error(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.name();
  }
  return "";
}

}  // namespace

TEST_CASE("metrics of one epoch stand in the order of the graph, in whichever order they come", "[history]") {
  Log log;
  RunHistory history = history_of(&log);
  history.own_metrics("count", metrics(1, {{"rows", 3}}));
  history.port_metrics("evaluate", "metrics", metrics(1, {{"loss", 0.6}}));
  history.port_metrics("learn", "metrics", metrics(2, {{"loss", 0.4}}));
  history.port_metrics("learn", "metrics", metrics(1, {{"loss", 0.5}, {"accuracy", 0.8}}));
  history.port_metrics("learn", "metrics", metrics(1, {{"loss", 0.45}}));
  history.epoch_ended(1);
  history.epoch_ended(3);
  CHECK(log.lines == std::vector<std::string>{"1 rows", "1 val_loss rows", "2 loss", "1 loss accuracy val_loss rows",
                                              "1 loss accuracy val_loss rows",
                                              "1 complete loss accuracy val_loss rows"});
  REQUIRE(history.epochs().size() == 2);
  CHECK(history.epochs()[0].find("loss") == 0.45);
  CHECK(history.epochs()[1].epoch == 2);
}

TEST_CASE("two nodes cannot tell one name of an epoch", "[history]") {
  RunHistory history = history_of();
  history.port_metrics("evaluate", "metrics", metrics(1, {{"loss", 0.6}}));
  CHECK(name_of_error([&] {
          history.own_metrics("count", metrics(1, {{"rows", 1}, {"val_loss", 1}}));
        }) == "metric-clash");
  CHECK(history.epochs().at(0).values.size() == 1);
  CHECK(name_of_error([&] { history.own_metrics("count", metrics(2, {{"val_loss", 1}})); }).empty());
}

TEST_CASE("a value that is not finite is an error, and nothing of it is kept", "[history]") {
  RunHistory history = history_of();
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK(name_of_error([&] {
            history.port_metrics("evaluate", "metrics", metrics(1, {{"a", 1}, {"loss", bad}}));
          }) == "diverged");
  CHECK(history.epochs().empty());
  CHECK_FALSE(history.has_worked("evaluate"));
  CHECK(history.missing("evaluate", "metrics", 1, 2) == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("a value that is no number is told without a sign", "[history]") {
  RunHistory history = history_of();
  const Metrics bad = metrics(1, {{"loss", std::copysign(std::nan(""), -1.0)}});
  CHECK(testing::error_of([&] { history.port_metrics("evaluate", "metrics", bad); }).message() ==
        "`val_loss` of epoch 1 is nan");
}

TEST_CASE("of a port with two names nothing is kept when one of them is taken", "[history]") {
  RunHistory history({"learn", "count"}, {{"learn", "metrics", "a_", {}}, {"learn", "metrics", "b_", {}}}, nullptr,
                     Clock::now());
  history.own_metrics("count", metrics(1, {{"b_loss", 1}}));
  CHECK(name_of_error([&] { history.port_metrics("learn", "metrics", metrics(1, {{"loss", 1}})); }) == "metric-clash");
  REQUIRE(history.epochs().size() == 1);
  CHECK(history.epochs()[0].values.size() == 1);
  CHECK_FALSE(history.has_worked("learn"));
}

TEST_CASE("models stand by node in the order of the graph; one that is not finite leaves the one before", "[history]") {
  RunHistory history = history_of();
  history.model("evaluate", 1, snapshot(1, {1, 2, 3, 4}));
  history.model("learn", 1, snapshot(1, {5, 6, 7, 8}));
  try {
    history.model("learn", 2, snapshot(2, {5, 6, 7, std::nanf("")}));
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::diverged);
    CHECK_THAT(error.message(), Catch::Matchers::ContainsSubstring("the bias of layer 1 (dense)"));
  }
  const std::vector<TrainedModel> models = history.models();
  REQUIRE(models.size() == 2);
  CHECK(models[0].node == "learn");
  CHECK(models[0].model->epoch() == 1);
  CHECK(models[1].node == "evaluate");
}

TEST_CASE("a cut leaves whole epochs and the models of their end, and a part of the next where a node keeps its own",
          "[history]") {
  RunHistory history = history_of();
  for (const std::uint32_t epoch : {1U, 2U, 3U}) {
    history.port_metrics("learn", "metrics", metrics(epoch, {{"loss", 0.5}}));
    history.port_metrics("evaluate", "metrics", metrics(epoch, {{"loss", 0.6}}));
    history.model("learn", epoch, snapshot(epoch, {1, 2, 3, 4}));
    if (epoch == 1) history.epoch_ended(1);
  }
  const EpochCut cut{2, {}}, own{2, {"learn"}};
  CHECK(history.epochs(cut).size() == 1);
  CHECK(history.models(cut).at(0).model->epoch() == 1);
  REQUIRE(history.epochs(own).size() == 2);
  CHECK(history.epochs(own)[1].values.size() == 1);
  CHECK(history.models(own).at(0).model->epoch() == 2);
  CHECK(history.models().at(0).model->epoch() == 3);
  CHECK(history.models({1, {}}).empty());
  history.epoch_ended(2);
  CHECK(history.models(cut).empty());  // nobody can go back behind an epoch that has ended
  CHECK(history.models(own).size() == 1);
}

TEST_CASE("texts come out when their epoch has ended, in the order of the graph", "[history]") {
  Log log;
  RunHistory history = history_of(&log);
  history.print("count", 2, "of 2\n");
  history.print("count", 1, "later\n");
  history.print("learn", 1, "first\n");
  history.print("count", {}, "at once\n");
  CHECK(log.text == "at once\n");
  history.epoch_ended(1);
  CHECK(log.text == "at once\nnode learn:\nfirst\nnode count:\nlater\n");
  history.finish();
  CHECK(log.text == "at once\nnode learn:\nfirst\nnode count:\nlater\nof 2\n");
}

TEST_CASE("without an observer everything is kept all the same", "[history]") {
  RunHistory history = history_of();
  history.port_metrics("learn", "metrics", metrics(1, {{"loss", 0.5}}));
  history.print("learn", 1, "nobody reads this\n");
  history.epoch_ended(1);
  CHECK(history.first_step_seconds() == 0);
  history.step("learn", {});
  CHECK(history.first_step_seconds() > 0);
  CHECK(history.epochs().size() == 1);
  CHECK(history.missing("learn", "metrics", 1, 3) == std::vector<std::uint32_t>{2, 3});
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

TEST_CASE("no metric is called as what stands beside it in an epoch") {
  for (const char* name : {"epoch", ""}) {
    RunHistory history = history_of();
    CHECK_THROWS_AS(history.own_metrics("count", metrics(1, {{name, 0.5}})), Error);
    CHECK(history.epochs().empty());
  }
}
