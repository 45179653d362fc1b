// Graphs with several models: whose hash, metrics, seed and text is whose, in twenty runs the same.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "command/pages/run_json.hpp"
#include "run/runner.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>

namespace millrace::pipelines {
namespace {

constexpr int kRuns = 20;

constexpr const char* kTwo = R"(
version: 1
seed: 7
epochs: 3
threads: 4
device: cpu
graph:
  rows:    {stage: table_source, with: {shuffle: true, block_rows: 2, columns: &rows {x: [0, 1, 2, 3, 4, 5, 6, 7], y: [1, 0, 3, 2, 5, 4, 7, 6]}}}
  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.y}, with: {batch_size: 2}}
  small:   {stage: trainer, in: batches, with: &net {model: [dropout: {rate: 0.2}, dense: {units: 2, activation: tanh}, dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
  large:   {stage: trainer, in: batches, with: *net}
  all:     {stage: table_source, with: {columns: *rows}}
  tests:   {stage: batcher, in: {inputs: all.x, targets: all.y}, with: {batch_size: 8}}
  try_small: {stage: evaluator, in: {data: tests, model: small.model}, with: {metrics: [loss, mae]}}
  try_large: {stage: evaluator, in: {data: tests, model: large.model}, with: {metrics: [loss, mae]}}
)";

constexpr const char* kOne = R"(
version: 1
seed: 7
epochs: 3
threads: 4
device: cpu
graph:
  rows:    {stage: table_source, with: {shuffle: true, block_rows: 2, columns: &rows {x: [0, 1, 2, 3, 4, 5, 6, 7], y: [1, 0, 3, 2, 5, 4, 7, 6]}}}
  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.y}, with: {batch_size: 2}}
  small:   {stage: trainer, in: batches, with: {model: [dropout: {rate: 0.2}, dense: {units: 2, activation: tanh}, dense: {units: 1}], loss: mse, optimizer: {sgd: {learning_rate: 0.01}}}}
)";

constexpr const char* kEvaluated = R"(
  all:     {stage: table_source, with: {columns: *rows}}
  tests:   {stage: batcher, in: {inputs: all.x, targets: all.y}, with: {batch_size: 8}}
  try:     {stage: evaluator, in: {data: tests, model: small.model}, with: {metrics: [loss, mae]}}
)";

bool is_timing(std::string_view name) { return name.ends_with("seconds") || name.ends_with("samples_per_second"); }

/// Trains nothing, and does one thing wrong.
class Careless final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Does one thing wrong.")
        .input("in", RecordType::any())
        .output("metrics", PortType::metrics("a loss"))
        .output("model", PortType::model("which never comes"))
        .param(Param("fault", ParamType::choice({"none", "forgets", "nan", "draws", "names"}), "what it does wrong"))
        .example("c: {stage: careless, in: x, with: {fault: nan}}");
  }
  explicit Careless(const ParamValue& params) : fault_(params["fault"].text()) {}
  void infer(InferContext& ctx) override {
    ctx.output("metrics", PortSpec::of_kind(PortKind::metrics));
    if (fault_ == "names") ctx.measures("metrics", {"loss", "epoch"});
    ctx.output("model", PortSpec::of_kind(PortKind::model));
  }
  void open(OpenContext& ctx) override {
    if (fault_ == "draws") ctx.random("careless");
  }
  void process(SerialContext& ctx) override {
    const PacketHeader& header = ctx.input().header;
    if (!header.last_in_epoch || (fault_ == "forgets" && header.epoch == 2)) return;
    auto metrics = std::make_shared<Metrics>();
    metrics->epoch = header.epoch;
    metrics->set("loss", fault_ == "nan" && header.epoch == 3 ? std::nan("") : 1);
    OutputPacket output_packet;
    output_packet.metrics = metrics;
    output_packet.last_in_epoch = true;
    ctx.emit("metrics", std::move(output_packet));
  }

 private:
  std::string fault_;
};

const StageRegistry& careless_stages() {
  static const StageRegistry registry = [] {
    StageRegistry all = built_in_stages();
    all.add(make_stage_info<Careless>("careless"));
    return all;
  }();
  return registry;
}

/// All that a run says and that no clock decides, in the order in which it says it.
std::string outcome(const std::string& text, const std::vector<std::string>& sets = {}) {
  struct Texts : RunObserver {
    std::string all;
    void print(std::string_view text) override { all += text; }
  } texts;
  ValidatedGraph graph = graph_of_text(text, sets);
  RunOptions options;
  options.observer = &texts;
  const RunReport report = run(graph, options);
  std::string said = fmt::format("{} {}\n{}", report.exit_code, report.weights_sha256, texts.all);
  for (const TrainedModel& trained : report.models)
    said += fmt::format("{} {}\n", trained.node, trained.model->weights_sha256());
  for (const Metrics& epoch : report.epochs)
    for (const auto& [name, value] : epoch.values) said += is_timing(name) ? name : fmt::format("{}={} ", name, value);
  return said;
}

std::set<std::string> twenty(const std::string& text, const std::vector<std::string>& sets = {}) {
  std::set<std::string> outcomes;
  for (int i = 0; i < kRuns; ++i) outcomes.insert(outcome(text, sets));
  return outcomes;
}

std::vector<std::string> names_of(const Metrics& metrics) {
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics.values)
    if (!is_timing(name)) names.push_back(name);
  return names;
}

RunReport report_of(const std::string& text, const std::vector<std::string>& sets = {}) {
  ValidatedGraph graph = graph_of_text(text, sets);
  return run(graph, {});
}

std::string hash_of(const RunReport& report, const std::string& node) {
  for (const TrainedModel& trained : report.models)
    if (trained.node == node) return trained.model->weights_sha256();
  return {};
}

/// The only failure of a run that diverges, as name, node, epoch and batch.
std::string failure_of(const RunReport& report) {
  REQUIRE(report.failures.size() == 1);
  const RunFailure& failure = report.failures.front();
  return fmt::format("{} {} {} {}", failure.name, failure.node, failure.epoch, failure.batch);
}

std::string all_of(const RunFailure& failure) {
  std::string text = failure.message;
  for (const std::string& note : failure.notes) text += "\n" + note;
  return text;
}

}  // namespace

TEST_CASE("twenty runs of two trainers and two evaluators say one thing", "[models]") {
  CHECK(twenty(kTwo).size() == 1);
}

TEST_CASE("with two trainers every model, metric and hash says whose it is, in the order of the graph", "[models]") {
  ValidatedGraph graph = graph_of_text(kTwo);
  const RunReport report = run(graph, {});
  CHECK(report.exit_code == 0);
  CHECK(report.weights_sha256.empty());
  CHECK(report.model == nullptr);
  REQUIRE(report.models.size() == 2);
  CHECK(report.models[0].node == "small");
  CHECK(report.models[1].node == "large");
  CHECK(report.models[1].model->epoch() == 3);
  REQUIRE(report.epochs.size() == 3);
  for (const Metrics& epoch : report.epochs)
    CHECK(names_of(epoch) == std::vector<std::string>{"small_loss", "large_loss", "try_small_loss", "try_small_mae",
                                                      "try_large_loss", "try_large_mae"});
  const auto json = nlohmann::ordered_json::parse(run_json(graph, report, 0));
  CHECK_FALSE(json.contains("weights_sha256"));
  REQUIRE(json["models"].size() == 2);
  CHECK(json["models"].begin().key() == "small");
  CHECK(json["models"]["large"]["weights_sha256"] == hash_of(report, "large"));
  CHECK(json["models"]["large"]["parameters"] == 7);
  CHECK(json["models"]["large"]["epochs_trained"] == 3);
}

TEST_CASE("one trainer and one evaluator bear plain names without a sink", "[models]") {
  ValidatedGraph graph = graph_of_text(std::string(kOne) + kEvaluated);
  const RunReport report = run(graph, {});
  CHECK(report.exit_code == 0);
  REQUIRE(report.epochs.size() == 3);
  const std::vector<std::string> names{"loss", "val_loss", "val_mae"};
  CHECK(names_of(report.epochs[2]) == names);
  const RunReport shown =
      report_of(std::string(kOne) + kEvaluated + "  show: {stage: print, in: {model: small.model}}\n");
  CHECK(names_of(shown.epochs.at(2)) == names);
  const auto json = nlohmann::ordered_json::parse(run_json(graph, report, 0));
  CHECK(json["weights_sha256"] == hash_of(report, "small"));
  CHECK(json["models"]["small"]["weights_sha256"] == json["weights_sha256"]);
}

TEST_CASE("a sink renames what is wired into it, and leaves the rest its own names", "[models]") {
  const std::string log = "  log: {stage: metrics_sink, in: {train: large.metrics, valid: try_large.metrics}}\n";
  CHECK(twenty(kTwo + log).size() == 1);
  const RunReport report = report_of(kTwo + log);
  CHECK(names_of(report.epochs.at(0)) ==
        std::vector<std::string>{"small_loss", "loss", "try_small_loss", "try_small_mae", "val_loss", "val_mae"});
}

TEST_CASE("two sinks with names apart give one result in twenty runs", "[models]") {
  const std::string logs =
      "  log1: {stage: metrics_sink, in: {a: small.metrics, va: try_small.metrics}}\n"
      "  log2: {stage: metrics_sink, in: {b: large.metrics, vb: try_large.metrics}}\n";
  CHECK(twenty(kTwo + logs).size() == 1);
}

TEST_CASE("the first model is the one that trains alone, and the second another", "[models]") {
  const std::string alone = report_of(kOne).weights_sha256;
  const RunReport two = report_of(kTwo);
  CHECK(hash_of(two, "small") == alone);
  CHECK(hash_of(two, "large") != alone);
}

TEST_CASE("a node with a seed of its own trains as a run with that seed does, wherever it stands", "[models]") {
  const RunReport own = report_of(kTwo, {"large.seed=7"});
  CHECK(hash_of(own, "large") == hash_of(own, "small"));
  const RunReport other = report_of(kTwo, {"large.seed=8"});
  CHECK(hash_of(other, "large") != hash_of(own, "large"));
  CHECK(hash_of(other, "small") == hash_of(own, "small"));
  // The order of the rows is the source's business, so the whole run must have it too.
  CHECK(hash_of(report_of(kTwo, {"rows.seed=3", "large.seed=3"}), "large") ==
        report_of(kOne, {"seed=3"}).weights_sha256);
}

TEST_CASE("what a node draws does not depend on threads", "[models]") {
  const RunReport one = report_of(kTwo, {"threads=1"}), four = report_of(kTwo, {"threads=4"});
  for (const char* node : {"small", "large"}) CHECK(hash_of(one, node) == hash_of(four, node));
}

TEST_CASE("nodes that draw are numbered in the order of the file, purpose by purpose", "[models]") {
  ValidatedGraph graph = graph_of_text(kTwo, {"all.shuffle=true", "large.seed=9"});
  std::vector<std::string> seeds;
  for (const ValidatedNode& node : graph.nodes)
    for (const NodeSeed& seed : node.seeds)
      seeds.push_back(fmt::format("{} {} {} {}", node.name, seed.purpose, seed.number, seed.is_own));
  CHECK(seeds == std::vector<std::string>{"rows shuffle 1 false", "small model 1 false", "large model 2 true",
                                          "all shuffle 2 false"});
}

TEST_CASE("weights that the last update made infinite fail the run, and the epoch before is reported", "[models]") {
  // One batch an epoch, so that nothing looks at the weights after the update but the end of the epoch.
  const std::vector<std::string> once{"epochs=1", "batches.batch_size=8"};
  std::vector<std::string> sets = once;
  for (const char* rate : {"1e38", "3e38"}) {
    sets.push_back(std::string("small.optimizer.sgd.learning_rate=") + rate);
    const RunReport report = report_of(std::string(kOne) + kEvaluated, sets);
    CHECK(report.exit_code == 8);
    CHECK(failure_of(report) == "diverged small 1 1");
    CHECK_THAT(all_of(report.failures[0]),
               Catch::Matchers::ContainsSubstring("(dense) has weights that are not finite"));
    CHECK_THAT(all_of(report.failures[0]), Catch::Matchers::ContainsSubstring("no model of it is reported"));
    CHECK(report.models.empty());
    CHECK(report.weights_sha256.empty());
  }
}

TEST_CASE("of a model that has not diverged it is said that its epoch was not whole", "[models]") {
  const RunReport report = report_of(kTwo, {"epochs=1", "small.optimizer.sgd.learning_rate=3e38"});
  REQUIRE(report.failures.size() == 1);
  CHECK(failure_of(report).starts_with("diverged small 1"));
  const std::vector<std::string>& notes = report.failures[0].notes;
  const auto has = [&](const char* note) { return std::count(notes.begin(), notes.end(), note) == 1; };
  CHECK(has("no epoch of `small` has ended with finite weights, so no model of it is reported"));
  CHECK(has("no epoch before epoch 1 has been whole, so no model of `large` is reported"));
}

TEST_CASE("weights that are not finite to begin with are found without training", "[models]") {
  // One of 64 normal numbers is surely so large that 3e38 of it is more than a float32 holds.
  const std::string infinite =
      "small.model=[dense: {units: 64, kernel_initializer: {random_normal: {stddev: 3e38}}}, dense: {units: 1}]";
  const RunReport report = report_of(kOne, {"epochs=0", infinite});
  CHECK(report.exit_code == 8);
  CHECK(report.models.empty());
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures[0].name == "diverged");
  CHECK(report.failures[0].node == "small");
  CHECK_THAT(report.failures[0].message, Catch::Matchers::ContainsSubstring("the kernel of layer 0 (dense)"));
}

TEST_CASE("a training that diverges in a later epoch reports the epoch before, and says so", "[models]") {
  const RunReport report =
      report_of(std::string(kOne) + kEvaluated,
                {"epochs=1000", "small.optimizer.sgd.learning_rate=1e3", "small.model.1.dense.activation=linear"});
  CHECK(report.exit_code == 8);
  REQUIRE_FALSE(report.failures.empty());
  const RunFailure& failure = report.failures.front();
  CHECK(failure.epoch >= 1);
  CHECK(failure.node == "small");
  if (report.models.empty()) {
    CHECK(failure.epoch == 1);
  } else {
    CHECK(report.models[0].model->epoch() + 1 == failure.epoch);
    CHECK(report.models[0].model->not_finite().empty());
    CHECK_THAT(all_of(failure), Catch::Matchers::ContainsSubstring(
                                    fmt::format("at the end of epoch {}", report.models[0].model->epoch())));
  }
}

TEST_CASE("a run whose trainer was silent about an epoch, measured nothing finite or drew in secret fails",
          "[models]") {
  const auto run_with = [](const std::string& fault) {
    ValidatedGraph graph = graph_of_text(
        std::string("version: 1\nepochs: 4\ngraph:\n  x: {stage: table_source, with: {columns: {v: [1]}}}\n") +
            "  c: {stage: careless, in: x, with: {fault: " + fault + "}}\n",
        {}, careless_stages());
    return run(graph, {});
  };
  CHECK(run_with("none").exit_code == 0);
  CHECK(run_with("none").epochs.size() == 4);
  const RunReport silent = run_with("forgets");
  CHECK(silent.exit_code == 1);
  REQUIRE(silent.failures.size() == 1);
  CHECK(silent.failures[0].name == "missing-epoch");
  CHECK(silent.failures[0].node == "c");
  const RunReport infinite = run_with("nan");
  CHECK(infinite.exit_code == 8);
  CHECK(failure_of(infinite) == "diverged c 3 0");
  CHECK_THAT(infinite.failures[0].message, Catch::Matchers::ContainsSubstring("`loss`"));
  const RunReport secret = run_with("draws");
  CHECK(secret.exit_code == 6);
  REQUIRE_FALSE(secret.failures.empty());
  CHECK(secret.failures[0].name == "undeclared-purpose");
}

TEST_CASE("a metric that would bear the name of a key of the history is an error of check", "[models]") {
  Diagnostics diagnostics;
  const testing::TempFolder folder;
  const std::string text =
      "version: 1\ngraph:\n  x: {stage: table_source, with: {columns: {v: [1]}}}\n"
      "  c: {stage: careless, in: x, with: {fault: names}}\n";
  load_graph(folder.file("config.yaml", text), {}, careless_stages(), diagnostics);
  const std::vector<Diagnostic> found = diagnostics.sorted();
  REQUIRE(found.size() == 1);
  CHECK(found[0].name == "reserved-metric");
  CHECK(found[0].where.line == 4);
  CHECK_THAT(found[0].message, Catch::Matchers::ContainsSubstring("`c.metrics` would tell a metric `epoch`"));
}

TEST_CASE("print nodes write in the order of the graph, each with its name, in twenty runs alike", "[models]") {
  const std::string prints =
      "  p1: {stage: print, in: {in: rows.x}, with: {epochs: all}}\n"
      "  p2: {stage: print, in: {in: all.y}, with: {epochs: all}}\n"
      "  p3: {stage: print, in: {model: large.model}}\n"
      "  p4: {stage: print, in: {in: all.x}}\n";
  CHECK(twenty(kTwo + prints).size() == 1);
  const std::string text = outcome(kTwo + prints);
  CHECK_THAT(text, Catch::Matchers::ContainsSubstring("node p2:\n[[1],[0],[3],[2],[5],[4],[7],[6]]\n"));
  CHECK(text.find("node p3:\n") < text.find("node p4:\n"));
}

}  // namespace millrace::pipelines
