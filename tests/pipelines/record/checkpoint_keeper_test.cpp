// Checkpoints on the disk: a run goes on from each of them to the same bits, the right ones stay, and a disk that fails stops no training.
#include "record/checkpoints/checkpoint_keeper.hpp"
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "run/runner.hpp"
#include "temp_folder.hpp"

#include <millrace/files/kept_checkpoints.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = R"(
version: 1
seed: 7
epochs: 4
device: cpu
graph:
  rows:    {stage: table_source, with: {shuffle: true, block_rows: 2, columns: &rows {x: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], y: [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]}}}
  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.y}, with: {batch_size: 3}}
  learn:   {stage: trainer, in: batches, with: {model: [dense: {units: 4, activation: tanh}, dropout: {rate: 0.25}, dense: {units: 1}], loss: mse, optimizer: adam}}
  all:     {stage: table_source, with: {columns: *rows}}
  tests:   {stage: batcher, in: {inputs: all.x, targets: all.y}, with: {batch_size: 10}}
  try:     {stage: evaluator, in: {data: tests, model: learn.model}, with: {metrics: [loss, mae]}}
)";

/// Tells the keeper of the epochs that a run has told, as whoever writes the journal does.
class EpochTeller final : public RunObserver {
 public:
  explicit EpochTeller(CheckpointKeeper& keeper) : keeper_(keeper) {}
  void epoch(const Metrics& metrics, bool complete) override {
    if (!complete) return;
    keeper_.epoch_told(metrics);
    keeper_.wait();  // so that each epoch's is written, however slow the disk
  }

 private:
  CheckpointKeeper& keeper_;
};

struct Kept {
  RunReport report;
  std::vector<std::string> names;  ///< of checkpoints in the order in which they were written
  std::uint64_t failures = 0;
};

Kept run_kept(const std::string& folder, const CheckpointPolicy& policy, const std::string& from = {},
              const std::vector<std::string>& sets = {}) {
  ValidatedGraph graph = graph_of_text(kConfig, sets);
  RunOptions options;
  if (!from.empty()) {
    const Checkpoint checkpoint = read_checkpoint(from, checkpoint_models(kept_nodes(graph)));
    graph.first_epoch = next_epoch(checkpoint.position);
    options.loaded = states_of(checkpoint);
  }
  Kept kept;
  CheckpointKeeper keeper(graph, folder, policy,
                          {[&](const WrittenCheckpoint& written) {
                             kept.names.push_back(written.name);
                             return true;
                           },
                           {}},
                          {options.loaded, {}, {}});
  EpochTeller teller(keeper);
  options.observer = &teller;
  options.states = &keeper;
  kept.report = run(graph, options);
  keeper.finish();
  kept.failures = keeper.failures();
  return kept;
}

/// Tells of losses that a test has made up; behind the first epoch once the disk is at work.
class LossTeller final : public RunObserver {
 public:
  LossTeller(CheckpointKeeper& keeper, std::vector<double> losses, std::future<void> is_writing)
      : keeper_(keeper), losses_(std::move(losses)), is_writing_(std::move(is_writing)) {}
  void epoch(const Metrics& metrics, bool complete) override {
    if (!complete) return;
    Metrics made;
    made.epoch = metrics.epoch;
    made.set("val_loss", losses_.at(metrics.epoch - 1));
    keeper_.epoch_told(made);
    if (metrics.epoch == 1) is_writing_.wait();
  }

 private:
  CheckpointKeeper& keeper_;
  std::vector<double> losses_;
  std::future<void> is_writing_;
};

/// The disk takes the whole run for the first checkpoint. Returns the names of all in the order in which they were written.
std::vector<std::string> run_on_slow_disk(const std::string& folder, const CheckpointPolicy& policy,
                                          const std::vector<double>& losses) {
  ValidatedGraph graph = graph_of_text(kConfig, {});
  std::promise<void> is_writing, is_over;
  std::vector<std::string> names;
  const auto written = [&](const WrittenCheckpoint& checkpoint) {
    names.push_back(checkpoint.name);
    if (names.size() > 1) return true;
    is_writing.set_value();
    is_over.get_future().wait();
    return true;
  };
  CheckpointKeeper keeper(graph, folder, policy, {written, {}});
  LossTeller teller(keeper, losses, is_writing.get_future());
  RunOptions options;
  options.observer = &teller;
  options.states = &keeper;
  CHECK(run(graph, options).exit_code == 0);
  is_over.set_value();
  keeper.finish();
  return names;
}

std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

CheckpointPolicy everything() {
  CheckpointPolicy policy;
  policy.every_batches = 1;
  policy.stay.keep_last = 1000;
  return policy;
}

}  // namespace

TEST_CASE("from every checkpoint a run comes to the same weights, with other threads and blocks", "[record]") {
  const testing::TempFolder whole_folder;
  const Kept whole = run_kept(whole_folder.path(), everything());
  CHECK(whole.report.exit_code == 0);
  CHECK(whole.failures == 0);
  CHECK(whole.names.back() == "epoch-0004.safetensors");
  const std::vector<std::string> files = files_in(whole_folder.path());
  CHECK(files.size() >= 4);
  for (const std::string& file : files) {
    CAPTURE(file);
    if (file == "epoch-0004.safetensors") continue;
    const testing::TempFolder folder;
    const Kept resumed =
        run_kept(folder.path(), {}, whole_folder.path() + "/" + file, {"threads=3", "rows.block_rows=7"});
    CHECK(resumed.report.exit_code == 0);
    CHECK(resumed.report.weights_sha256 == whole.report.weights_sha256);
    std::ifstream a(whole_folder.path() + "/epoch-0004.safetensors"), b(folder.path() + "/epoch-0004.safetensors");
    const std::string kept(std::istreambuf_iterator<char>(a), {}), again(std::istreambuf_iterator<char>(b), {});
    CHECK(kept.size() == again.size());
  }
}

TEST_CASE("the last ones stay, and the best", "[record]") {
  const testing::TempFolder folder;
  CheckpointPolicy policy;
  policy.stay.keep_last = 2;
  CHECK(run_kept(folder.path(), policy).report.exit_code == 0);
  CHECK(files_in(folder.path()) == std::vector<std::string>{"epoch-0003.safetensors", "epoch-0004.safetensors"});
  const testing::TempFolder best;
  policy.stay.monitor = {"val_loss", true};  // the loss falls, so that the first epoch has the largest
  CHECK(run_kept(best.path(), policy).report.exit_code == 0);
  CHECK(files_in(best.path()) ==
        std::vector<std::string>{"epoch-0001.safetensors", "epoch-0003.safetensors", "epoch-0004.safetensors"});
}

TEST_CASE("however slow the disk, the best epoch is written, and before what is newer", "[record]") {
  const bool in_epochs = GENERATE(false, true);
  CAPTURE(in_epochs);
  const testing::TempFolder folder;
  CheckpointPolicy policy;
  policy.every_batches = in_epochs ? 1 : 0;
  policy.stay = {.keep_last = 1, .monitor = {"val_loss"}};
  const std::vector<std::string> names = run_on_slow_disk(folder.path(), policy, {0.3, 0.1, 0.2, 0.2});
  if (!in_epochs)
    CHECK(names ==
          std::vector<std::string>{"epoch-0001.safetensors", "epoch-0002.safetensors", "epoch-0004.safetensors"});
  CHECK(files_in(folder.path()) == std::vector<std::string>{"epoch-0002.safetensors", "epoch-0004.safetensors"});
}

TEST_CASE("of epochs that each are the best so far only the last waits", "[record]") {
  const testing::TempFolder folder;
  CheckpointPolicy policy;
  policy.stay = {.keep_last = 1, .monitor = {"val_loss"}};
  CHECK(run_on_slow_disk(folder.path(), policy, {0.4, 0.3, 0.2, 0.1}) ==
        std::vector<std::string>{"epoch-0001.safetensors", "epoch-0004.safetensors"});
}

TEST_CASE("a file of another is never removed", "[record]") {
  const testing::TempFolder folder;
  std::ofstream(folder.path() + "/epoch-0000.safetensors") << "mine";
  run_kept(folder.path(), {});
  CHECK(files_in(folder.path()).front() == "epoch-0000.safetensors");
}

TEST_CASE("checkpoints that cannot be written are counted, and training ends as without them", "[record]") {
  const testing::TempFolder folder;
  const Kept kept = run_kept(folder.path() + "/not-there", {});
  CHECK(kept.report.exit_code == 0);
  CHECK(kept.failures > 0);
  CHECK(kept.names.empty());
}

TEST_CASE("a checkpoint is called by its place", "[record]") {
  CHECK(checkpoint_name({3, 1875, 60000, true}) == "epoch-0003.safetensors");
  CHECK(checkpoint_name({3, 937, 29984, false}) == "epoch-0003-batch-000937.safetensors");
}

}  // namespace millrace::pipelines
