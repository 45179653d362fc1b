// Sources that keep their rows in the device's memory, in whole runs: the same bits, and only row numbers cross.
#include "catch.hpp"
#include "check/memory_estimate.hpp"
#include "device/device_kinds.hpp"
#include "notebook.hpp"

#include <millrace/registry.hpp>

#include <algorithm>
#include <cstring>

using namespace millrace;
using namespace millrace::sim;

namespace {

const std::vector<std::string> kCached{"train.cache=device", "valid.cache=device"};
constexpr std::uint64_t kRows = Notebook::kTrainRows + Notebook::kValidRows;
constexpr std::uint64_t kTableBytes = kRows * Notebook::kRowBytes;

std::vector<std::string> with(std::vector<std::string> sets, const std::vector<std::string>& more) {
  sets.insert(sets.end(), more.begin(), more.end());
  return sets;
}

void check_same(const RunReport& report, const RunReport& expected) {
  CHECK(names_of(report) == Names{});
  CHECK(report.weights_sha256 == expected.weights_sha256);
  REQUIRE(report.epochs.size() == expected.epochs.size());
  for (std::size_t i = 0; i < report.epochs.size(); ++i)
    for (const char* metric : {"loss", "accuracy", "val_loss", "val_accuracy"})
      CHECK(report.epochs[i].find(metric) == expected.epochs[i].find(metric));
}

// A stage of somebody who knows nothing of tables: packets that are odd it writes anew, as 255 - x, the others it hands on.
class OddNegative final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("255 - x in every other packet.")
        .input("in", TensorType::any())
        .output("out", TensorType::like("in"))
        .example("t: {stage: odd_negative, in: train.images}");
  }
  explicit OddNegative(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override {
    const Tensor& x = ctx.input().tensor();
    if (ctx.input().header.seq % 2 == 0) return ctx.emit("out", x);
    OutTensor y = ctx.allocate(x.spec(), x.rows());
    std::transform(x.bytes(), x.bytes() + x.size_bytes(), y.bytes(), [](std::byte b) { return ~b; });
    ctx.emit("out", std::move(y).freeze());
  }
};

}  // namespace

TEST_CASE("rows that stay on the device train the same weights, whatever is shuffled, left out or gathered", "[sim]") {
  const auto sets = GENERATE(values<std::vector<std::string>>({{},
                                                               {"train.shuffle=false"},
                                                               {"train.rows=[11, 250]", "valid.rows=[3, 41]"},
                                                               {"train_batches.batch_size=48"},
                                                               {"train_batches.batch_size=1"},
                                                               {"train.block_rows=7", "train.run.blocks=1"},
                                                               kOneByOne}));
  CAPTURE(sets);
  Notebook notebook;
  const RunReport expected = notebook.set(sets).run("cpu");
  REQUIRE(names_of(expected) == Names{});
  notebook.set(with(kCached, sets));
  check_same(notebook.run("cpu"), expected);
  for (const int threads : {1, 2, 4}) {
    CAPTURE(threads);
    Settings settings;
    settings.seed = static_cast<std::uint64_t>(threads);
    const auto world = new_world(settings);
    const RunReport report = notebook.run("sim", threads);
    check_same(report, expected);
    CHECK(world->gathered_rows() > 0);
    check_clean(*world, report);
  }
}

TEST_CASE("the tables cross once, and after that four bytes a row", "[sim]") {
  Notebook notebook;
  const auto world = new_world();
  check_same(notebook.set(kCached).run("sim"), notebook.run("cpu"));
  CHECK(world->copied_bytes() == kTableBytes + Notebook::kEpochs * kRows * 4);
  CHECK(world->gathered_rows() == Notebook::kEpochs * kRows * 2);
  CHECK(world->copies_from_elsewhere() == 4);  // the tables, as they were read
  const auto rows_cross = new_world();
  notebook.set(kOneByOne).run("sim");
  CHECK(rows_cross->copied_bytes() == Notebook::kEpochs * kTableBytes);
  CHECK(rows_cross->gathered_rows() == 0);
}

TEST_CASE("one source may keep its rows on the device and the other not", "[sim]") {
  Notebook notebook;
  const auto world = new_world();
  const RunReport report = notebook.set({"valid.cache=device", "train.cache=none"}).run("sim");
  check_same(report, notebook.run("cpu"));
  CHECK(world->gathered_rows() == Notebook::kEpochs * Notebook::kValidRows * 2);
  check_clean(*world, report);
}

TEST_CASE("a stage that knows nothing of tables reads their rows, and batches of both kinds of rows are whole",
          "[sim]") {
  StageRegistry stages = built_in();
  stages.add(make_stage_info<OddNegative>("odd_negative"));
  Notebook notebook("transfer", "", stages);
  const std::vector<std::string> odd{"chains.rows=[odd_negative, flatten, normalize: {scale: 1/255}]"};
  const RunReport expected = notebook.set(odd).run("cpu");
  CHECK(expected.weights_sha256 != Notebook().run("cpu").weights_sha256);
  notebook.set(with(odd, kCached));
  for (const int threads : {1, 4}) {
    const auto world = new_world();
    const RunReport report = notebook.run("sim", threads);
    check_same(report, expected);
    check_clean(*world, report);
  }
}

TEST_CASE("plan counts the tables, and the run stays below its bound", "[sim]") {
  Notebook notebook;
  new_world();
  const std::size_t resident = 100'000'000;  // measured anew each time, it would grow from one graph to the next
  const std::size_t without = pipelines::memory_estimate(notebook.load("sim", 2), resident).total;
  const std::size_t with_tables = pipelines::memory_estimate(notebook.set(kCached).load("sim", 2), resident).total;
  CHECK(with_tables == without + kTableBytes);
  CHECK(pipelines::memory_estimate(notebook.load("cpu", 2), resident).total ==
        pipelines::memory_estimate(notebook.set({}).load("cpu", 2), resident).total);  // there they lie where they lay
  const RunReport report = notebook.set(kCached).run("sim");
  CHECK(report.device_peak_bytes >= kTableBytes);
  CHECK(report.peak_bytes > report.device_peak_bytes);  // what the host gathers messages in
  CHECK(report.peak_bytes <= with_tables);
}

TEST_CASE("a table that does not fit is refused, with its parameter", "[sim]") {
  Notebook notebook;
  Settings settings;
  settings.memory_bytes = 4000;
  const auto world = new_world(settings);
  const RunReport report = notebook.set(kCached).run("sim");
  const RunFailure* failure = failure_of(report, "train");
  REQUIRE(failure != nullptr);
  CHECK(failure->name == "cache-too-large");
  CHECK_THAT(failure->message, Catch::Matchers::ContainsSubstring("`cache: device` wants 10800 bytes on sim:0"));
  CHECK_THAT(failure->help, Catch::Matchers::ContainsSubstring("leave out `cache`"));
  CHECK(report.exit_code == 1);
  check_clean(*world, report);
}

TEST_CASE("a table whose copy fails or hangs ends the run at its source", "[sim]") {
  Notebook notebook;
  const bool hangs = GENERATE(false, true);
  Settings settings;
  (hangs ? settings.hanging_copy : settings.failing_copy) = 0;
  const auto world = new_world(settings);
  notebook.set(kCached);
  RunOptions options;
  options.device_timeout = std::chrono::milliseconds(500);
  const RunReport report = notebook.run("sim", 1, options);
  const RunFailure* train = failure_of(report, "train");
  const RunFailure* failure = train != nullptr ? train : failure_of(report, "valid");
  // Once it is given up for one source, the other may be refused.
  if (hangs && !report.failures.empty()) failure = &report.failures.front();
  REQUIRE(failure != nullptr);
  CHECK(failure->name == (hangs ? "device-hung" : "device-failed"));
  CHECK(failure->stage == "idx_loader");
  check_clean(*world, report);
}

TEST_CASE("a source in a process of its own that shall keep rows on the device is refused before the run", "[sim]") {
  Notebook notebook;
  new_world();
  const std::string device = GENERATE("cpu", "sim");
  const auto sets = with(kCached, {"valid.run.isolate=process"});
  const std::vector<std::string> errors = notebook.set(sets).errors(device);
  CHECK(errors == Names{"conflicting-parameters"});
  CHECK(notebook.set({"train.cache=device", "valid.run.isolate=process"}).errors(device) == Names{});
}

TEST_CASE("in a process of its own, which has not the run's device, a source keeps nothing on it and says so",
          "[sim]") {
  Notebook notebook;
  new_world();
  pipelines::ValidatedGraph graph = notebook.set(kCached).load("sim", 2);
  register_device_kind("sim", [](const DeviceId&) { return open_device({"cpu", 0}); });  // what such a process has
  const RunReport report = pipelines::run(graph, {});
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures.front().name == "conflicting-parameters");
  CHECK(report.failures.front().stage == "idx_loader");
  CHECK_THAT(report.failures.front().help, Catch::Matchers::ContainsSubstring("isolate: none"));
}
