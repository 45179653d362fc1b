// A run that goes on from any state that was taken comes to the same bits as one that was never interrupted.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "idx_fixture.hpp"
#include "run/runner.hpp"

#include <millrace/files/npy.hpp>

#include <fmt/format.h>

#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

namespace millrace::pipelines {
namespace {

constexpr std::uint32_t kEpochs = 4;
constexpr std::uint64_t kBatches = 4;  // of 3, 3, 3 and 1 rows

std::string config(const std::string& optimizer) {
  return fmt::format(R"(
version: 1
seed: 7
epochs: {}
device: cpu
graph:
  rows:    {{stage: table_source, with: {{shuffle: true, block_rows: 2, columns: &rows {{x: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], y: [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]}}}}}}
  batches: {{stage: batcher, in: {{inputs: rows.x, targets: rows.y}}, with: {{batch_size: 3}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 4, activation: tanh, l2: 0.001}}, dropout: {{rate: 0.25}}, dense: {{units: 1}}], loss: mse, metrics: [mae], optimizer: {}}}}}
  all:     {{stage: table_source, with: {{columns: *rows}}}}
  tests:   {{stage: batcher, in: {{inputs: all.x, targets: all.y}}, with: {{batch_size: 10}}}}
  try:     {{stage: evaluator, in: {{data: tests, model: learn.model}}, with: {{metrics: [loss, mae]}}}}
)",
                     kEpochs, optimizer);
}

/// Keeps every state that it is given.
class States final : public StateSink {
 public:
  bool wants(const std::string&, const StatePosition&) override { return wants_all; }
  void take(NodeState state) override {
    const std::lock_guard lock(mutex_);
    taken.push_back(std::move(state));
  }
  void failed(const std::string&, const StatePosition&, const std::string& why) override {
    const std::lock_guard lock(mutex_);
    failures.push_back(why);
  }

  bool wants_all = true;
  std::vector<NodeState> taken;
  std::vector<std::string> failures;

 private:
  std::mutex mutex_;
};

bool is_timing(std::string_view name) { return name.ends_with("seconds") || name.ends_with("samples_per_second"); }

/// All values of epochs from `first` on that no clock decides.
std::map<std::string, double> values_of(const RunReport& report, std::uint32_t first) {
  std::map<std::string, double> values;
  for (const Metrics& epoch : report.epochs)
    for (const auto& [name, value] : epoch.values)
      if (epoch.epoch >= first && !is_timing(name)) values[fmt::format("{} {}", epoch.epoch, name)] = value;
  return values;
}

/// Weights, optimizer and count of steps; without what says how long it took.
std::map<std::string, std::vector<std::byte>> bits_of(const StageState& state) {
  std::map<std::string, std::vector<std::byte>> bits(state.entries().begin(), state.entries().end());
  bits.erase("epoch");
  return bits;
}

struct Outcome {
  RunReport report;
  States states;
};

std::unique_ptr<Outcome> run_from(const std::string& text, std::uint32_t first_epoch, const NodeState* loaded,
                                  const std::vector<std::string>& sets = {}, const std::atomic<int>* signal = nullptr) {
  auto outcome = std::make_unique<Outcome>();
  ValidatedGraph graph = graph_of_text(text, sets);
  graph.first_epoch = first_epoch;
  RunOptions options;
  options.states = &outcome->states;
  options.stop_signal = signal;
  if (loaded != nullptr) options.loaded.push_back(*loaded);
  outcome->report = run(graph, options);
  CHECK(outcome->states.failures.empty());
  return outcome;
}

void require_same_end(const Outcome& whole, const Outcome& resumed, std::uint32_t first) {
  CHECK(resumed.report.exit_code == 0);
  CHECK(resumed.report.weights_sha256 == whole.report.weights_sha256);
  CHECK(values_of(resumed.report, first) == values_of(whole.report, first));
  REQUIRE_FALSE(resumed.states.taken.empty());
  CHECK(bits_of(resumed.states.taken.back().state) == bits_of(whole.states.taken.back().state));
}

}  // namespace

TEST_CASE("a state is given behind every batch, each once and in order", "[resume]") {
  const auto whole = run_from(config("adam"), 1, nullptr);
  REQUIRE(whole->states.taken.size() == kEpochs * kBatches);
  std::size_t i = 0;
  for (std::uint32_t epoch = 1; epoch <= kEpochs; ++epoch)
    for (std::uint64_t batch = 1; batch <= kBatches; ++batch, ++i) {
      const StatePosition& at = whole->states.taken[i].position;
      CHECK((at.epoch == epoch && at.batch == batch && at.row == std::min<std::uint64_t>(3 * batch, 10)));
      CHECK(at.is_epoch_end == (batch == kBatches));
    }
}

TEST_CASE("from every batch of every epoch a run comes to the same bits, whatever threads and blocks", "[resume]") {
  const std::string optimizer =
      GENERATE("adam", "rmsprop", "{sgd: {momentum: 0.9}}", "adagrad", "{rmsprop: {clip_norm: 0.5}}");
  const std::vector<std::string> sets =
      GENERATE(std::vector<std::string>{"threads=1"}, std::vector<std::string>{"threads=4", "rows.block_rows=5"});
  const auto whole = run_from(config(optimizer), 1, nullptr);
  for (const NodeState& from : whole->states.taken) {
    CAPTURE(optimizer, sets.back(), from.position.epoch, from.position.batch);
    require_same_end(*whole, *run_from(config(optimizer), from.position.epoch, &from, sets), from.position.epoch);
  }
}

TEST_CASE("from the end of an epoch that has been told, the next one begins", "[resume]") {
  const auto whole = run_from(config("adam"), 1, nullptr);
  for (const NodeState& from : whole->states.taken) {
    const std::uint32_t next = from.position.epoch + 1;
    if (!from.position.is_epoch_end || next > kEpochs) continue;
    const auto resumed = run_from(config("adam"), next, &from);
    require_same_end(*whole, *resumed, next);
    CHECK(resumed->report.epochs.size() == kEpochs - from.position.epoch);
    CHECK(resumed->states.taken.size() == (kEpochs - from.position.epoch) * kBatches);
  }
}

TEST_CASE("a run that goes on from one that went on comes to the same bits", "[resume]") {
  const auto whole = run_from(config("rmsprop"), 1, nullptr);
  const auto once = run_from(config("rmsprop"), 2, &whole->states.taken.at(5));
  const auto twice = run_from(config("rmsprop"), 2, &once->states.taken.at(0));
  require_same_end(*whole, *twice, 2);
  CHECK(once->states.taken.at(0).position.batch == 3);
  CHECK(twice->states.taken.at(0).position.batch == 4);
}

namespace {

/// Stops the run behind one batch.
class StopBehind final : public StateSink {
 public:
  StopBehind(std::uint32_t epoch, std::uint64_t batch, std::atomic<int>& signal)
      : epoch_(epoch), batch_(batch), signal_(signal) {}
  bool wants(const std::string&, const StatePosition& at) override {
    if (at.epoch == epoch_ && at.batch == batch_) signal_ = 2;
    return false;
  }
  void take(NodeState state) override { last = std::move(state); }
  void failed(const std::string&, const StatePosition&, const std::string& why) override { FAIL(why); }
  NodeState last;

 private:
  std::uint32_t epoch_;
  std::uint64_t batch_;
  std::atomic<int>& signal_;
};

}  // namespace

TEST_CASE("a run that is stopped by a signal leaves the state behind its last batch", "[resume]") {
  const auto whole = run_from(config("adam"), 1, nullptr);
  const std::uint32_t epoch = GENERATE(1U, 3U);
  const std::uint64_t batch = GENERATE(1U, 2U, 3U);
  std::atomic<int> signal{0};
  StopBehind sink(epoch, batch, signal);
  ValidatedGraph graph = graph_of_text(config("adam"));
  RunOptions options;
  options.states = &sink;
  options.stop_signal = &signal;
  CHECK(run(graph, options).exit_code == 130);
  CHECK((sink.last.position.epoch == epoch && sink.last.position.batch == batch));
  require_same_end(*whole, *run_from(config("adam"), epoch, &sink.last), epoch);
}

TEST_CASE("epochs of before stand first in the report", "[resume]") {
  const auto whole = run_from(config("adam"), 1, nullptr);
  ValidatedGraph graph = graph_of_text(config("adam"));
  graph.first_epoch = 3;
  RunOptions options;
  options.loaded.push_back(whole->states.taken.at(2 * kBatches - 1));
  options.earlier_epochs = {whole->report.epochs[0], whole->report.epochs[1]};
  CHECK(values_of(run(graph, options), 1) == values_of(whole->report, 1));
}

namespace {

const NodeReport& node_called(const RunReport& report, const std::string& name) {
  for (const NodeReport& node : report.nodes)
    if (node.name == name) return node;
  throw std::runtime_error(name);
}

std::uint64_t blocks_of(std::int64_t rows, std::int64_t block) {
  return static_cast<std::uint64_t>((rows + block - 1) / block);
}

}  // namespace

TEST_CASE("the source begins where the trainer goes on and sends nothing of before", "[resume]") {
  const auto whole = run_from(config("adam"), 1, nullptr);
  for (const std::int64_t block : {1, 2, 3, 4, 10})
    for (const NodeState& from : whole->states.taken) {
      const std::uint32_t epoch = from.position.epoch;
      CAPTURE(block, epoch, from.position.batch);
      const auto resumed = run_from(config("adam"), epoch, &from, {fmt::format("rows.block_rows={}", block)});
      require_same_end(*whole, *resumed, epoch);
      // The batch that ends the epoch comes again where the trainer has had it.
      const auto had = std::min<std::int64_t>(static_cast<std::int64_t>(from.position.row), 9);
      const std::uint64_t sent = blocks_of(10 - had, block) + (kEpochs - epoch) * blocks_of(10, block);
      CHECK(node_called(resumed->report, "rows").packets == sent);
      CHECK(node_called(resumed->report, "rows").emitted == 2 * sent);
      CHECK(node_called(resumed->report, "learn").packets == blocks_of(10 - had, 3) + (kEpochs - epoch) * kBatches);
      CHECK(node_called(resumed->report, "all").packets == kEpochs - epoch + 1);
    }
}

namespace {

std::string config_of_file(const std::string& source, const std::string& port) {
  return fmt::format(R"(
version: 1
seed: 7
epochs: {}
device: cpu
graph:
  rows:    {{{}}}
  small:   {{stage: normalize, in: rows.{}, with: {{scale: 1/255}}}}
  batches: {{stage: batcher, in: {{inputs: small, targets: small}}, with: {{batch_size: 3}}}}
  learn:   {{stage: trainer, in: batches, with: {{model: [dense: {{units: 2, activation: tanh}}, dense: {{units: 1}}], loss: mse, optimizer: adam}}}}
)",
                     kEpochs, source, port);
}

}  // namespace

TEST_CASE("sources of files begin where the trainer goes on too", "[resume]") {
  const testing::TempFolder folder;
  const std::vector<std::uint8_t> pixels{10, 40, 0, 255, 90, 30, 70, 200, 120, 5};
  const std::string idx = folder.file("x-idx2-ubyte", testing::idx_of_bytes({10, 1}, pixels));
  const std::string npy = folder.file("x.npy", npy_header_text(NpyType::u1, std::vector<std::int64_t>{10, 1}) +
                                                   std::string(pixels.begin(), pixels.end()));
  const std::string port = GENERATE("images", "inputs", "out");
  const std::string source =
      port == "images"   ? fmt::format("stage: idx_loader, with: {{images: {}, shuffle: true, block_rows: 2}}", idx)
      : port == "inputs" ? fmt::format("stage: npy_loader, with: {{inputs: {}, shuffle: true, block_rows: 2}}", npy)
                         : fmt::format("stage: row_file, with: {{file: {}, block_rows: 2}}", npy);
  const std::string text = config_of_file(source, port);
  const auto whole = run_from(text, 1, nullptr);
  for (const NodeState& from : whole->states.taken) {
    CAPTURE(source, from.position.epoch, from.position.batch);
    const auto resumed = run_from(text, from.position.epoch, &from);
    require_same_end(*whole, *resumed, from.position.epoch);
    const auto had = std::min<std::int64_t>(static_cast<std::int64_t>(from.position.row), 9);
    CHECK(node_called(resumed->report, "rows").packets ==
          blocks_of(10 - had, 2) + (kEpochs - from.position.epoch) * blocks_of(10, 2));
  }
}

TEST_CASE("a source whose rows are printed too begins the epoch anew, to the same bits", "[resume]") {
  const std::string text = config("adam") + "  look:    {stage: print, in: {in: batches}}\n";
  const auto whole = run_from(text, 1, nullptr);
  const NodeState& from = whole->states.taken.at(5);
  const auto resumed = run_from(text, from.position.epoch, &from);
  require_same_end(*whole, *resumed, from.position.epoch);
  CHECK(node_called(resumed->report, "rows").packets == (kEpochs - from.position.epoch + 1) * 5);
}

TEST_CASE("a state of another model is refused by name", "[resume]") {
  const auto other = run_from(config("adam"), 1, nullptr, {"learn.model.0.dense.units=5"});
  ValidatedGraph graph = graph_of_text(config("adam"));
  RunOptions options;
  options.loaded.push_back(other->states.taken.back());
  const RunReport report = run(graph, options);
  REQUIRE(report.failures.size() == 1);
  CHECK(report.failures[0].name == "state-mismatch");
  CHECK(report.failures[0].node == "learn");
}

}  // namespace millrace::pipelines
