// Whole runs with a model that comes back from a file: what it predicts and how it is measured is what the trainer's own would be.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "check/rules/metric_names.hpp"
#include "run/runner.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/files/checkpoint.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <fmt/format.h>

#include <map>
#include <mutex>

namespace millrace::pipelines {
namespace {

constexpr const char* kHead = R"(
version: 1
seed: 7
epochs: 2
threads: 4
device: cpu
graph:
  rows:    {stage: table_source, with: {block_rows: 2, columns: {x: [0, 1, 2, 3, 4, 5, 6, 7, 8], y: [1, 0, 3, 2, 5, 4, 7, 6, 8]}}}
  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.y}, with: {batch_size: 4}}
)";

constexpr const char* kLayers =
    "model: [dense: {units: 5, activation: tanh}, dropout: {rate: 0.2}, dense: {units: 2, activation: relu, use_bias: "
    "false}, dense: {units: 1}], loss: mse";

/// Rows by epoch and sample.
using Predictions = std::map<std::pair<std::uint32_t, std::uint64_t>, float>;

class Keep final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Keeps what comes.").input("in", TensorType::any()).example("k: {stage: keep, in: x}");
  }
  explicit Keep(const ParamValue&) {}
  void infer(InferContext&) override {}
  void process(SerialContext& ctx) override {
    const Packet& in = ctx.input();
    for (std::size_t i = 0; i < static_cast<std::size_t>(in.rows); ++i)
      kept[{in.header.epoch, in.sample_ids()[i]}] = in.tensor().f32()[i];
  }
  static inline Predictions kept;
};

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry all = built_in_stages();
    all.add(make_stage_info<Keep>("keep"));
    return all;
  }();
  return registry;
}

RunReport run_of(const std::string& nodes, const std::vector<std::string>& sets = {}) {
  Keep::kept.clear();
  ValidatedGraph graph = graph_of_text(kHead + nodes, sets, stages());
  RunReport report = run(graph, {});
  for (const RunFailure& failure : report.failures) UNSCOPED_INFO(failure.message);
  CHECK(report.exit_code == 0);
  return report;
}

std::string trainer() { return fmt::format("  learn: {{stage: trainer, in: batches, with: {{{}}}}}\n", kLayers); }
std::string saved(const std::string& path) {
  return fmt::format("  saved: {{stage: saved_model, with: {{file: {}, {}}}}}\n", path, kLayers);
}
std::string predictions(const std::string& data, const std::string& model) {
  return fmt::format(
      "  predictions: {{stage: predictor, in: {{data: {}, model: {}.model}}}}\n  kept: {{stage: keep, in: "
      "predictions}}\n",
      data, model);
}
constexpr const char* kSecond = R"(
  rows_2:    {stage: table_source, with: {block_rows: 3, columns: {x: [0, 1, 2, 3, 4, 5, 6, 7, 8], y: [1, 0, 3, 2, 5, 4, 7, 6, 8]}}}
  batches_2: {stage: batcher, in: {inputs: rows_2.x, targets: rows_2.y}, with: {batch_size: 4}}
)";

/// A checkpoint of a run's model, as the run would write it.
std::string checkpoint_of(const RunReport& report, const testing::TempFolder& folder) {
  const ModelSnapshot& model = *report.model;
  TrainerState trainer{"learn", std::shared_ptr<const ModelSpec>(report.model, &model.model()), {}, {}};
  trainer.state.put("weights", std::as_bytes(model.weights()));
  const std::string path = folder.path() + "/a.safetensors";
  write_checkpoint(path, {{model.epoch(), 0, 0, true}, {trainer}});
  return path;
}

Predictions of_epoch(const Predictions& all, std::uint32_t epoch) {
  Predictions some;
  for (const auto& [at, value] : all)
    if (at.first == epoch) some[{1, at.second}] = value;
  return some;
}

}  // namespace

TEST_CASE("a model that was saved predicts what the trainer's model predicted, in every epoch") {
  const testing::TempFolder folder;
  const RunReport trained = run_of(trainer() + kSecond + predictions("batches_2", "learn"));
  const Predictions expected = of_epoch(Keep::kept, 2);
  REQUIRE(expected.size() == 9);
  REQUIRE(of_epoch(Keep::kept, 1) != expected);
  const std::string path = checkpoint_of(trained, folder);
  const RunReport predicted = run_of(saved(path) + predictions("batches", "saved"), {"epochs=3"});
  CHECK(Keep::kept.size() == 27);
  for (const std::uint32_t epoch : {1U, 2U, 3U}) CHECK(of_epoch(Keep::kept, epoch) == expected);
  CHECK(predicted.weights_sha256 == trained.weights_sha256);
}

TEST_CASE("a model that was saved is measured as it was when it was trained") {
  const testing::TempFolder folder;
  const std::string measure =
      "  measure: {stage: evaluator, in: {data: batches_2, model: learn.model}, with: {metrics: [loss, mae]}}\n";
  const RunReport trained = run_of(trainer() + kSecond + measure);
  std::string of_saved = measure;
  of_saved.replace(of_saved.find("learn"), 5, "saved");
  const RunReport measured =
      run_of(saved(checkpoint_of(trained, folder)) + kSecond + of_saved + predictions("batches", "saved"));
  REQUIRE(measured.epochs.size() == 2);
  CHECK(measured.epochs[0].find("val_loss") == trained.epochs[1].find("val_loss"));
  CHECK(measured.epochs[1].find("val_mae") == trained.epochs[1].find("val_mae"));
}

TEST_CASE("beside a trainer a saved model takes no name and no hash from it, and nobody expects metrics of it") {
  const testing::TempFolder folder;
  const std::string path = checkpoint_of(run_of(trainer()), folder);
  const RunReport both =
      run_of(trainer() + saved(path) + kSecond + predictions("batches_2", "saved"), {"learn.loss=mse", "seed=8"});
  REQUIRE(both.model != nullptr);
  REQUIRE(both.models.size() == 2);
  CHECK(both.epochs.at(1).find("loss").has_value());
  for (const TrainedModel& model : both.models)
    CHECK((model.model->weights_sha256() == both.weights_sha256) == (model.node == "learn"));
}

TEST_CASE("a run without an epoch of training predicts once with what was saved") {
  const testing::TempFolder folder;
  const std::string path = checkpoint_of(run_of(trainer()), folder);
  run_of(saved(path) + predictions("batches", "saved"), {"epochs=0"});
  CHECK(Keep::kept.size() == 9);
}

TEST_CASE("a budget of one block is enough for rows that wait for a model from a file") {
  const testing::TempFolder folder;
  const std::string path = checkpoint_of(run_of(trainer()), folder);
  run_of(saved(path) + predictions("batches", "saved"),
         {"rows.run.blocks=1", "saved.run.blocks=1", "epochs=20", "threads=1"});
  CHECK(Keep::kept.size() == 180);
}

TEST_CASE("the graph names the file that a model comes from") {
  const testing::TempFolder folder;
  const std::string path = checkpoint_of(run_of(trainer()), folder);
  const ValidatedGraph graph = graph_of_text(kHead + saved(path) + predictions("batches", "saved"), {}, stages());
  for (const ValidatedNode& node : graph.nodes)
    if (node.name == "saved") {
      REQUIRE(node.files.size() == 1);
      CHECK(node.files[0].path == path);
      CHECK_FALSE(graph.is_trainer(node));
    }
}

}  // namespace millrace::pipelines
