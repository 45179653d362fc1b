// What is reported of a run in which an epoch failed: a function of the config and the failure, not of who was faster.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "command/pages/run_json.hpp"
#include "run/report/epoch_cut.hpp"
#include "run/runner.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <atomic>
#include <csignal>
#include <set>
#include <thread>

namespace millrace::pipelines {
namespace {

constexpr int kRuns = 20;

// Three faults: on the way to the trainer, on the way to the evaluator, and in a serial on that way, which forgets the end of an epoch.
constexpr const char* kConfig = R"(
version: 1
seed: 7
epochs: 6
epochs_ahead: 1
device: cpu
graph:
  rows:    {stage: table_source, with: {shuffle: true, block_rows: 2, columns: &rows {x: [0, 1, 2, 3, 4, 5, 6, 7], y: [1, 0, 3, 2, 5, 4, 7, 6]}}}
  trained: {stage: fails_in, in: rows.x, with: {epoch: 99}}
  batches: {stage: batcher, in: {inputs: trained, targets: rows.y}, with: {batch_size: 2}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
  all:     {stage: table_source, with: {block_rows: 2, columns: *rows}}
  tested:  {stage: fails_in, in: all.x, with: {epoch: 99}}
  tests:   {stage: batcher, in: {inputs: tested, targets: all.y}, with: {batch_size: 2}}
  whole:   {stage: forgets_end, in: tests, with: {epoch: 99}}
  try:     {stage: evaluator, in: {data: whole, model: learn.model}, with: {metrics: [loss]}}
)";

/// What a test and the stages of its run say to each other.
struct Told {
  std::atomic<int> signal{0};
  std::atomic<bool> fails{false};  ///< a stage is about to throw
};
Told& told() {
  static Told all;
  return all;
}

/// Until a stage is about to throw. No thread of the graph waits meanwhile: one that did could keep the work it waits for to itself.
struct UntilFailure final : Event::State {
  bool done() override { return told().fails; }
  void synchronize() override { told().fails.wait(false); }
};

StageDescriptor& of_one_epoch(StageDescriptor& spec, const char* what) {
  return spec.summary(what)
      .input("in", RecordType::any())
      .output("out", RecordType::like("in"))
      .param(Param("epoch", ParamType::integer(), "in which epoch"));
}

class FailsIn final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    of_one_epoch(spec, "Fails in one epoch.").example("f: {stage: fails_in, in: x, with: {epoch: 3}}");
  }
  explicit FailsIn(const ParamValue& params) : epoch_(params["epoch"].integer()) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override {
    if (ctx.input().header.epoch != epoch_) return ctx.emit("out", ctx.input().fields);
    told().fails = true;
    told().fails.notify_all();
    throw Error(ErrorKind::data, "planted", "a planted failure");
  }

 private:
  std::int64_t epoch_;
};

/// Forgets the end of one epoch; or waits in it for a failure elsewhere, and then sends a signal.
class ForgetsEnd final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    of_one_epoch(spec, "Forgets the end of one epoch.")
        .param(Param("signals", ParamType::boolean(), "sends a signal instead, when something fails").or_default(false))
        .example("f: {stage: forgets_end, in: x, with: {epoch: 3}}");
  }
  explicit ForgetsEnd(const ParamValue& params)
      : epoch_(params["epoch"].integer()), signals_(params["signals"].boolean()) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(SerialContext& ctx) override {
    const bool here = ctx.input().header.epoch == epoch_;
    if (!here || !signals_) return pass_on(ctx, here);
    ctx.when(Event(std::make_shared<UntilFailure>()), [this](SerialContext& later) {
      told().signal = SIGTERM;
      pass_on(later, false);
    });
  }

 private:
  static void pass_on(SerialContext& ctx, bool forgets) {
    const Packet& in = ctx.input();
    const bool last = in.header.last_in_epoch && !forgets;
    ctx.emit("out", OutputPacket{in.fields, in.ids, in.header.first_row, last, {}, {}});
  }

  std::int64_t epoch_;
  bool signals_;
};

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry all = built_in_stages();
    all.add(make_stage_info<FailsIn>("fails_in"));
    all.add(make_stage_info<ForgetsEnd>("forgets_end"));
    return all;
  }();
  return registry;
}

using Json = nlohmann::ordered_json;

// Clocks and memory, and what each node has done beyond the failure; the number of threads is the test's own.
void forget_times(Json& json) {
  for (const char* name : {"seconds", "nodes", "threads", "config_hash", "peak_bytes", "rss_peak_bytes",
                           "first_batch_seconds", "launch_to_first_batch_seconds", "device_times"})
    json.erase(name);
  for (Json& failure : json["failures"]) failure.erase("file");  // in a folder of the run's own
  for (Json& epoch : json["epochs"])
    for (const char* name : {"seconds", "val_seconds", "samples_per_second"}) epoch.erase(name);
}

/// The JSON of twenty runs on each number of threads; each that came up, once.
std::set<std::string> outcomes(const std::vector<std::string>& sets) {
  std::set<std::string> all;
  for (const char* threads : {"threads=1", "threads=2", "threads=4"})
    for (int i = 0; i < kRuns; ++i) {
      std::vector<std::string> with = sets;
      with.emplace_back(threads);
      ValidatedGraph graph = graph_of_text(kConfig, with, stages());
      Json json = Json::parse(run_json(graph, run(graph, {}), 0));
      forget_times(json);
      all.insert(json.dump());
    }
  return all;
}

/// The one outcome of all runs.
Json outcome(const std::vector<std::string>& sets) {
  const std::set<std::string> all = outcomes(sets);
  REQUIRE(all.size() == 1);
  return Json::parse(*all.begin());
}

void require_epochs(const Json& json, std::size_t epochs) {
  REQUIRE(json["epochs"].size() == epochs);
  for (const Json& epoch : json["epochs"]) CHECK((epoch.contains("loss") && epoch.contains("val_loss")));
  if (epochs == 0) {
    CHECK(json["models"].empty());
    CHECK_FALSE(json.contains("weights_sha256"));
  } else {
    CHECK(json["models"]["learn"]["epochs_trained"] == epochs);
    CHECK(json["weights_sha256"] == json["models"]["learn"]["weights_sha256"]);
  }
}

std::vector<std::string> failures_in(const Json& json) {
  std::vector<std::string> failures;
  for (const Json& failure : json["failures"])
    failures.push_back(fmt::format("{} {} {}", failure["name"].get<std::string>(), failure["node"].get<std::string>(),
                                   failure["epoch"].get<int>()));
  return failures;
}

using Texts = std::vector<std::string>;

class Endings final : public RunObserver {
 public:
  void ending(const RunFailure& failure) override { told.push_back(fmt::format("{} {}", failure.node, failure.epoch)); }
  Texts told;
};

}  // namespace

TEST_CASE("after a failure in front of trainer or evaluator the epochs before it are reported whole",
          "[failed_epoch]") {
  const std::string node = GENERATE("trained", "tested");
  const Json json = outcome({node + ".epoch=3"});
  require_epochs(json, 2);
  CHECK(failures_in(json) == Texts{"planted " + node + " 3"});
  CHECK(json["exit"]["code"] == 4);
}

TEST_CASE("of failures those of the first epoch are told, and who never returned", "[failed_epoch]") {
  const auto failure = [](const char* name, ErrorKind kind, std::uint32_t epoch) {
    RunFailure f;
    f.name = name;
    f.kind = kind;
    f.epoch = epoch;
    return f;
  };
  Texts names;
  for (const RunFailure& f :
       of_first_epoch({failure("late", ErrorKind::run, 4), failure("first", ErrorKind::run, 3),
                       failure("stage-hung", ErrorKind::stalled, 4), failure("closing", ErrorKind::run, 0)}))
    names.push_back(f.name);
  CHECK(names == Texts{"first", "stage-hung", "closing"});
}

TEST_CASE("after a failure in the first epoch there is nothing to report", "[failed_epoch]") {
  const std::string node = GENERATE("trained", "tested");
  require_epochs(outcome({node + ".epoch=1"}), 0);
}

TEST_CASE("an epoch whose end a serial forgets is cut off as well", "[failed_epoch]") {
  const Json json = outcome({"whole.epoch=3"});
  require_epochs(json, 2);
  CHECK(failures_in(json) == Texts{"serial-contract whole 3"});
}

TEST_CASE("of failures in two epochs the first counts, whichever was told first", "[failed_epoch]") {
  const Json json = outcome({"trained.epoch=3", "tested.epoch=2"});
  require_epochs(json, 1);
  CHECK(failures_in(json) == Texts{"planted tested 2"});
}

TEST_CASE("with epochs_ahead 0 the cut is the same", "[failed_epoch]") {
  require_epochs(outcome({"tested.epoch=3", "epochs_ahead=0"}), 2);
}

TEST_CASE("a model that diverged when it was measured is the one that is reported", "[failed_epoch]") {
  const Json json =
      outcome({"all.columns.x=[0, 1, 2, 3, 3e38, 5, 6, 7]", "learn.model.0.dense.kernel_initializer.constant.value=5"});
  CHECK(json["exit"]["code"] == 8);
  CHECK(failures_in(json) == Texts{"diverged try 1"});
  CHECK(json["models"]["learn"]["epochs_trained"] == 1);
  REQUIRE(json["epochs"].size() == 1);
  CHECK(json["epochs"][0].contains("loss"));
}

TEST_CASE("a signal ends the wait for the epochs before a failure, and the report is of those that ended",
          "[failed_epoch]") {
  for (const char* threads : {"threads=1", "threads=2", "threads=4"})
    for (int i = 0; i < kRuns; ++i) {
      told().signal = 0;
      told().fails = false;
      ValidatedGraph graph =
          graph_of_text(kConfig, {"trained.epoch=3", "whole.epoch=2", "whole.signals=true", threads}, stages());
      RunOptions options;
      options.stop_signal = &told().signal;
      Endings endings;
      options.observer = &endings;
      const RunReport report = run(graph, options);
      CHECK(endings.told == Texts{"trained 3"});  // epoch 2 waits for it
      CHECK(told().signal == SIGTERM);
      CHECK(report.exit_code == 4);
      REQUIRE(report.failures.size() == 1);
      CHECK(report.failures[0].node == "trained");
      CHECK(report.epochs.size() == 1);
      REQUIRE(report.models.size() == 1);
      CHECK(report.models[0].model->epoch() == 1);
    }
}

}  // namespace millrace::pipelines
