// Writes generated IDX files and the YAML of the graph to a temporary folder; the stage that copies to the device is a parameter.
#include "notebook.hpp"

#include "built_in_graph.hpp"
#include "catch.hpp"

#include <algorithm>

namespace millrace::sim {
namespace {

/// Images of 6 x 6 that a small model can learn: row r of class r % 10 has its bright pixels there.
std::vector<std::uint8_t> images(std::uint32_t rows) {
  std::vector<std::uint8_t> pixels(rows * 36U);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>((i * 37 + i / 36 * 11) % 97 + (i % 36 == i / 36 % 10 ? 150 : 0));
  return pixels;
}
std::vector<std::uint8_t> labels(std::uint32_t rows) {
  std::vector<std::uint8_t> classes(rows);
  for (std::uint32_t i = 0; i < rows; ++i) classes[i] = static_cast<std::uint8_t>(i % 10);
  return classes;
}

}  // namespace

const StageRegistry& built_in() {
  static const StageRegistry registry = pipelines::built_in_stages();
  return registry;
}

Notebook::Notebook(const std::string& transfer, const std::string& behind, const StageRegistry& stages)
    : stages_(stages) {
  path_ =
      folder_.file("notebook.yaml",
                   R"(version: 1
seed: 7
epochs: 3
chains: {rows: [flatten, normalize: {scale: 1/255}]}
graph:
  train_inputs: {chain: rows, in: train.images}
  train_targets: {stage: one_hot, in: train.labels, with: {classes: 10}}
  train_batches: {stage: batcher, in: {inputs: train_inputs, targets: train_targets}, with: {batch_size: 32}}
  train_to_device: {stage: )" +
                       transfer + R"(, in: train_batches}
  learn:
    stage: trainer
    in: )" + (behind.empty() ? "train_to_device" : "behind") +
                       R"(
    with: {model: [dense: {units: 24, activation: relu}, dropout: {rate: 0.2}, dense: {units: 10, activation: softmax}],
           loss: categorical_crossentropy, optimizer: {rmsprop: {}}, metrics: [accuracy]}
  valid_inputs: {chain: rows, in: valid.images}
  valid_targets: {stage: one_hot, in: valid.labels, with: {classes: 10}}
  valid_batches: {stage: batcher, in: {inputs: valid_inputs, targets: valid_targets}, with: {batch_size: 20}}
  valid_to_device: {stage: transfer, in: valid_batches}
  evaluate: {stage: evaluator, in: {data: valid_to_device, model: learn.model}}
  log: {stage: metrics_sink, in: {train: learn.metrics, valid: evaluate.metrics}}
  train: {stage: idx_loader, with: )" +
                       idx("train", kTrainRows) + "}\n  valid: {stage: idx_loader, with: " + idx("valid", kValidRows) +
                       "}\n" + (behind.empty() ? "" : "  behind: {stage: " + behind + ", in: train_to_device}\n"));
}

std::string Notebook::idx(const std::string& name, std::int64_t count) {
  const auto rows = static_cast<std::uint32_t>(count);
  folder_.file(name + "-images", testing::idx_of_bytes({rows, 6, 6}, images(rows)));
  folder_.file(name + "-labels", testing::idx_of_bytes({rows}, labels(rows)));
  return "{images: " + folder_.path() + "/" + name + "-images, labels: " + folder_.path() + "/" + name +
         "-labels, block_rows: 48, shuffle: " + (name == "train" ? "true}" : "false}");
}

Notebook& Notebook::set(std::vector<std::string> sets) {
  sets_ = std::move(sets);
  return *this;
}

Names Notebook::errors(const std::string& device) const {
  std::vector<pipelines::Override> sets{{"device=" + device, "set#1"}};
  for (const std::string& set : sets_) sets.push_back({set, "set#" + std::to_string(sets.size() + 1)});
  pipelines::Diagnostics diagnostics;
  pipelines::load_graph(path_, sets, stages_, diagnostics);
  Names names;
  for (const pipelines::Diagnostic& found : diagnostics.sorted()) names.push_back(found.name);
  return names;
}

pipelines::ValidatedGraph Notebook::load(const std::string& device, int threads) const {
  std::vector<std::string> sets{"device=" + device, "threads=" + std::to_string(threads)};
  sets.insert(sets.end(), sets_.begin(), sets_.end());
  return pipelines::graph_of(path_, sets, stages_);
}

RunReport Notebook::run(const std::string& device, int threads, const RunOptions& options) const {
  pipelines::ValidatedGraph graph = load(device, threads);
  return pipelines::run(graph, options);
}

std::shared_ptr<World> new_world(const Settings& settings) {
  auto world = std::make_shared<World>(settings);
  register_sim(world);
  return world;
}

Names names_of(const RunReport& report) {
  Names names;
  for (const RunFailure& failure : report.failures) names.push_back(failure.name + ": " + failure.message);
  return names;
}

const RunFailure* failure_of(const RunReport& report, const std::string& node) {
  const auto it = std::find_if(report.failures.begin(), report.failures.end(),
                               [&](const RunFailure& failure) { return failure.node == node; });
  return it == report.failures.end() ? nullptr : &*it;
}

void check_clean(const World& world, const RunReport& report) {
  CHECK(world.violation_names() == Names{});
  CHECK(world.live_bytes() == 0);
  CHECK(report.leaked_bytes == 0);
  for (const RunFailure& failure : report.failures) CHECK(failure.name != "kept-packet");
}

}  // namespace millrace::sim
