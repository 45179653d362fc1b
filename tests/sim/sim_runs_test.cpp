// Whole runs on the simulated device, from the text of a config: the bits of a run on the CPU, and what is said of the device.
#include "catch.hpp"
#include "command/pages/run_json.hpp"
#include "command/terminal/device_time_text.hpp"
#include "notebook.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

using namespace millrace;
using namespace millrace::sim;

TEST_CASE("a run on the simulated device has the bits of a run on the CPU, whatever its streams do first", "[sim]") {
  Notebook notebook;
  const RunReport cpu = notebook.run("cpu");
  REQUIRE(names_of(cpu) == Names{});
  CHECK_FALSE(cpu.device_times);
  const bool gathers = GENERATE(false, true);
  if (!gathers) notebook.set(kOneByOne);
  for (const int threads : {1, 2, 4})
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      INFO("seed " << seed << ", " << threads << " threads, gathering " << gathers);
      Settings settings;
      settings.seed = seed;
      const auto world = new_world(settings);
      const RunReport report = notebook.run("sim", threads);
      CHECK(names_of(report) == Names{});
      CHECK(report.weights_sha256 == cpu.weights_sha256);
      REQUIRE(report.epochs.size() == 3);
      for (std::size_t i = 0; i < 3; ++i)
        for (const char* metric : {"loss", "accuracy", "val_loss", "val_accuracy"})
          CHECK(report.epochs[i].find(metric) == cpu.epochs[i].find(metric));
      if (!gathers) CHECK(world->copies() == kCopiesOneByOne);
      if (gathers) CHECK(world->copies() <= kCopiesOneByOne);
      if (gathers && threads == 1) CHECK(world->copies() < kCopiesOneByOne);  // two batches come from one block
      CHECK(world->copies_from_elsewhere() == 0);
      check_clean(*world, report);
    }
}

TEST_CASE("a predictor gives on the simulated device what it gives on the CPU, whatever the streams do first",
          "[sim]") {
  struct Texts final : pipelines::RunObserver {
    std::string all;
    void print(std::string_view text) override { all += text; }
  };
  Notebook notebook;
  notebook.set(
      {"evaluate.stage=predictor", "log.stage=print", "log.in={in: evaluate}", "log.rows=70", "log.epochs=all"});
  const auto predictions = [&](const char* device, int threads) {
    Texts texts;
    RunOptions options;
    options.observer = &texts;
    const RunReport report = notebook.run(device, threads, options);
    CHECK(names_of(report) == Names{});
    return std::make_pair(texts.all, report);
  };
  const std::string expected = predictions("cpu", 2).first;
  REQUIRE(std::count(expected.begin(), expected.end(), '[') > 3 * 70);
  for (const int threads : {1, 4})
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      INFO("seed " << seed << ", " << threads << " threads");
      Settings settings;
      settings.seed = seed;
      const auto world = new_world(settings);
      const auto [text, report] = predictions("sim", threads);
      CHECK(text == expected);
      check_clean(*world, report);
    }
}

TEST_CASE("a budget has room for the batches that a device with memory of its own keeps alive", "[sim]") {
  const auto world = new_world();
  Notebook notebook;
  notebook.set({"train_batches.batch_size=64", "train.block_rows=8", "train.run.blocks=2"});
  const auto blocks = [&](const std::string& device) {
    for (const pipelines::ValidatedNode& node : notebook.load(device, 2).nodes)
      if (node.name == "train") return node.budget_blocks;
    return std::int64_t{0};
  };
  CHECK(blocks("cpu") == 64 / 8 + 1);
  CHECK(blocks("sim") == 4 * 64 / 8 + 1);
}

TEST_CASE("a run says where the device's time went, as text and as JSON", "[sim]") {
  Notebook notebook;
  notebook.set(kOneByOne);
  const auto world = new_world();
  pipelines::ValidatedGraph graph = notebook.load("sim", 2);
  const RunReport report = pipelines::run(graph, {});
  REQUIRE(report.device_times);
  const DeviceTimes& times = *report.device_times;
  CHECK(times.copy == Approx(3e-9 * (300 + 70) * (36 + 1)));
  CHECK(times.busy <= Approx(3e-6 * (300 + 70)));
  CHECK(times.busy + times.idle() == Approx(times.seconds));
  CHECK(times.copy_hidden <= times.copy);
  const auto json = nlohmann::json::parse(pipelines::run_json(graph, report, 0));
  CHECK(json["device_times"]["copy"] == times.copy);
  CHECK(json["device_times"]["copy_hidden"] == times.copy_hidden);
  CHECK(json["device_times"]["idle"]["input"] == times.idle_input);
  CHECK(json["device_times"]["idle"]["communication"] == 0.0);
  DeviceTimes by_hand;
  by_hand.seconds = 40;
  by_hand.busy = 30;
  by_hand.idle_input = 8;
  by_hand.idle_launch = 1.6;
  by_hand.idle_sync = 0.4;
  by_hand.idle_communication = 0;
  by_hand.copy = 5;
  by_hand.copy_hidden = 4.8;
  CHECK(pipelines::device_time_text(by_hand) ==
        "device busy 75% of 40.0s, idle 25% (input 20%, launch 4%, sync 1%, communication 0%)\n"
        "copies 5.0s, 96% hidden behind computation\n");
  CHECK(pipelines::device_time_text({}).empty());
}

TEST_CASE("waits for peers that a device cannot tell apart are left out, not called nothing", "[sim]") {
  Notebook notebook;
  new_world();
  pipelines::ValidatedGraph graph = notebook.load("sim", 2);
  RunReport report = pipelines::run(graph, {});
  report.device_times->idle_communication.reset();
  CHECK_FALSE(
      nlohmann::json::parse(pipelines::run_json(graph, report, 0))["device_times"]["idle"].contains("communication"));
  CHECK_THAT(pipelines::device_time_text(*report.device_times), !Catch::Matchers::ContainsSubstring("communication"));
}

TEST_CASE("a device whose steps sum gradients trains with `reduction: ordered`, one whose steps do not refuses",
          "[sim]") {
  Notebook notebook;
  notebook.set({"learn.reduction=ordered"});
  new_world();
  const RunReport able = notebook.run("sim");
  CHECK(names_of(able) == Names{});
  CHECK(able.weights_sha256 == notebook.run("cpu").weights_sha256);
  const auto world = std::make_shared<World>();
  register_sim(world, false);
  const RunReport unable = notebook.run("sim");
  const RunFailure* failure = failure_of(unable, "learn");
  REQUIRE(failure != nullptr);
  CHECK(failure->name == "no-reduction");
  CHECK_THAT(failure->message, Catch::Matchers::ContainsSubstring("cannot train on sim:0 as asked"));
  CHECK_THAT(failure->help, Catch::Matchers::ContainsSubstring("--set device=cpu"));
  CHECK(unable.exit_code == static_cast<int>(ErrorKind::device));
  check_clean(*world, unable);
  CHECK(names_of(notebook.set({"learn.reduction=fast"}).run("sim")) == Names{});  // alone there is nothing to sum
}
