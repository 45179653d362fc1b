// Whole runs from the text of a config: built-in stages, real training, and what slows, fails or starves them.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "check/memory_estimate.hpp"
#include "run/runner.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/registry.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>

namespace millrace::pipelines {
namespace {

// Passes packets on; gives every other thread the chance to get ahead, so that others that wait for it have to wait.
class Dawdle final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Passes packets on, late.")
        .input("in", RecordType::any())
        .output("out", RecordType::like("in"))
        .example("d: {stage: dawdle, in: x}");
  }
  explicit Dawdle(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ctx.emit("out", ctx.input().fields);
  }
};

// Passes packets on until the one that holds sample `sample`.
class FailAt final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Fails at a sample.")
        .input("in", RecordType::any())
        .output("out", RecordType::like("in"))
        .param(Param("sample", ParamType::integer(), "the sample at which it fails"))
        .example("f: {stage: fail_at, in: x, with: {sample: 3}}");
  }
  explicit FailAt(const ParamValue& params) : sample_(static_cast<std::uint64_t>(params["sample"].integer())) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override {
    const auto ids = ctx.input().sample_ids();
    if (ctx.input().header.epoch == 2 && std::find(ids.begin(), ids.end(), sample_) != ids.end())
      throw Error(ErrorKind::data, "spoiled-sample", "a sample cannot be read", "look at it");
    ctx.emit("out", ctx.input().fields);
  }

 private:
  std::uint64_t sample_;
};

// Keeps the first of every two packets to itself.
class DropHalf final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Drops packets.")
        .input("in", RecordType::any())
        .output("out", RecordType::any())
        .example("d: {stage: drop_half, in: x}");
  }
  explicit DropHalf(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(SerialContext& ctx) override {
    const Packet& in = ctx.input();
    if (!in.header.last_in_epoch && in.header.seq % 2 == 0) return;
    ctx.emit("out", OutputPacket{in.fields, in.ids, in.header.first_row, in.header.last_in_epoch, {}, {}});
  }
};

// Keeps batches until their model comes, as the evaluator does, and fails at one of the second epoch.
class FussyEvaluator final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Fails at a kept batch.")
        .input("data", RecordType::any())
        .input("model", PortType::model("the weights"))
        .output("metrics", PortType::metrics("none"))
        .inputs(InputMode::independent)
        .waits_for("data", "model")
        .example("e: {stage: fussy_evaluator, in: {data: x, model: learn.model}}");
  }
  explicit FussyEvaluator(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("metrics", PortSpec::of_kind(PortKind::metrics)); }
  void process(SerialContext& ctx) override {
    const Packet& packet = ctx.input(ctx.port());
    EpochPackets& epoch = epochs_[packet.header.epoch];
    epoch.has_model = epoch.has_model || ctx.port() == "model";
    if (ctx.port() == "data") epoch.kept.push_back(packet);
    if (!epoch.has_model) return;
    bool is_last = false;
    for (const Packet& batch : epoch.kept) {
      if (batch.header.epoch == 2 && batch.header.first_row == 40)
        throw PacketError(Error(ErrorKind::run, "fussy", "does not like it"), batch);
      is_last = batch.header.last_in_epoch;
    }
    epoch.kept.clear();
    if (is_last) end_epoch(ctx, packet.header.epoch);
  }
  void close() noexcept override { epochs_.clear(); }

 private:
  struct EpochPackets {
    bool has_model = false;
    std::vector<Packet> kept;
  };
  void end_epoch(SerialContext& ctx, std::uint32_t epoch) {
    epochs_.erase(epoch);
    auto metrics = std::make_shared<Metrics>();
    metrics->epoch = epoch;
    metrics->set("loss", 1);
    OutputPacket output_packet;
    output_packet.metrics = std::move(metrics);
    output_packet.last_in_epoch = true;
    ctx.emit("metrics", std::move(output_packet));
  }
  std::map<std::uint32_t, EpochPackets> epochs_;
};

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry r = built_in_stages();
    r.add(make_stage_info<Dawdle>("dawdle"));
    r.add(make_stage_info<FailAt>("fail_at"));
    r.add(make_stage_info<DropHalf>("drop_half"));
    r.add(make_stage_info<FussyEvaluator>("fussy_evaluator"));
    return r;
  }();
  return registry;
}

std::string numbers(int count, int factor) {
  std::string list;
  for (int i = 0; i < count; ++i) list += (i == 0 ? "" : ", ") + std::to_string(i % 7 * factor);
  return "[" + list + "]";
}

// 64 rows in blocks of 4, batches of 16, three epochs, an evaluator beside; `trained` and `tested` stand between batch and
// user, for a stage to be put there.
std::string config_with(const std::string& before_trainer, const std::string& before_evaluator) {
  const std::string columns = "{columns: &table {x: " + numbers(64, 1) + ", y: " + numbers(64, 3) + "}, block_rows: 4}";
  return "version: 1\ndevice: cpu\nseed: 3\nepochs: 3\ngraph:\n"
         "  rows: {stage: table_source, with: " +
         columns +
         "}\n"
         "  batches: {stage: batcher, in: {inputs: rows.x, targets: rows.y}, with: {batch_size: 16}}\n"
         "  trained: " +
         before_trainer +
         "\n"
         "  learn: {stage: trainer, in: trained, with: {model: [{dense: {units: 4, activation: relu}}, {dense: {units: "
         "1}}],\n"
         "          loss: mse, optimizer: {sgd: {learning_rate: 0.001}}}}\n"
         "  others: {stage: table_source, with: {columns: *table, block_rows: 4}}\n"
         "  other_batches: {stage: batcher, in: {inputs: others.x, targets: others.y}, with: {batch_size: 8}}\n"
         "  tested: " +
         before_evaluator +
         "\n"
         "  evaluate: {stage: evaluator, in: {data: tested, model: learn.model}, with: {metrics: [loss]}}\n"
         "  log: {stage: metrics_sink, in: {train: learn.metrics, valid: evaluate.metrics}}\n";
}

const std::string kPlain = config_with("{stage: transfer, in: batches}", "{stage: transfer, in: other_batches}");

RunReport run_text(const std::string& text, const std::vector<std::string>& sets = {}) {
  ValidatedGraph graph = graph_of_text(text, sets, stages());
  return run(graph, {});
}

// What must not depend on who was slow, how many threads there were or how much could wait.
void require_same(const RunReport& report, const RunReport& reference) {
  REQUIRE(report.exit_code == 0);
  CHECK(report.weights_sha256 == reference.weights_sha256);
  REQUIRE(report.epochs.size() == reference.epochs.size());
  for (std::size_t i = 0; i < report.epochs.size(); ++i) {
    CHECK(report.epochs[i].find("loss") == reference.epochs[i].find("loss"));
    CHECK(report.epochs[i].find("val_loss") == reference.epochs[i].find("val_loss"));
  }
  CHECK(report.leaked_bytes == 0);
}

std::vector<std::string> errors_of_text(const std::string& text) {
  Diagnostics diagnostics;
  const testing::TempFolder folder;
  load_graph(folder.file("config.yaml", text), {}, stages(), diagnostics);
  std::vector<std::string> names;
  for (const Diagnostic& d : diagnostics.sorted()) names.push_back(d.name);
  return names;
}

}  // namespace

TEST_CASE("a config trains, and every epoch has both losses", "[config_run]") {
  const RunReport report = run_text(kPlain);
  REQUIRE(report.exit_code == 0);
  REQUIRE(report.epochs.size() == 3);
  for (const Metrics& epoch : report.epochs) {
    CHECK(epoch.find("loss").value_or(-1) > 0);
    CHECK(epoch.find("val_loss").value_or(-1) > 0);
  }
  CHECK(report.epochs.back().find("val_loss") < report.epochs.front().find("val_loss"));
  CHECK(report.weights_sha256.size() == 64);
}

TEST_CASE("a slow evaluator and a slow trainer change nothing but the time", "[config_run]") {
  const RunReport reference = run_text(kPlain);
  const std::string threads = GENERATE("threads=1", "threads=4");
  const std::string ahead = GENERATE("epochs_ahead=0", "epochs_ahead=1");
  const std::string late_evaluator =
      config_with("{stage: transfer, in: batches}", "{stage: dawdle, in: other_batches}");
  require_same(run_text(late_evaluator, {threads, ahead}), reference);
  const std::string late_trainer = config_with("{stage: dawdle, in: batches}", "{stage: transfer, in: other_batches}");
  require_same(run_text(late_trainer, {threads, ahead}), reference);
}

TEST_CASE("a budget below a batch is widened until the batch can be filled", "[config_run]") {
  const RunReport reference = run_text(kPlain);
  const std::string rows = GENERATE("rows.block_rows=1", "rows.block_rows=4", "rows.block_rows=64");
  require_same(run_text(kPlain, {"rows.run.blocks=1", "others.run.blocks=1", rows}), reference);
}

TEST_CASE("one source for trainer and evaluator is refused before any data", "[config_run]") {
  std::string text = kPlain;
  const std::string from = "inputs: others.x, targets: others.y";
  text.replace(text.find(from), from.size(), "inputs: rows.x, targets: rows.y");
  const std::vector<std::string> errors = errors_of_text(text);
  CHECK(std::count(errors.begin(), errors.end(), "starvation") == 1);
}

TEST_CASE("a serial that drops before a join is refused before any data", "[config_run]") {
  std::string text = kPlain;
  const std::string from = "targets: rows.y}";
  text.replace(text.find(from), from.size(), "targets: fewer}");
  text += "  fewer: {stage: drop_half, in: rows.y}\n";
  CHECK(errors_of_text(text) == std::vector<std::string>{"join-mismatch"});
}

TEST_CASE("a failure in the middle names node, stage, epoch, batch and the line of the config", "[config_run]") {
  const std::string text =
      config_with("{stage: fail_at, in: batches, with: {sample: 40}}", "{stage: dawdle, in: other_batches}");
  const RunReport report = run_text(text, {"threads=2"});
  CHECK(report.exit_code == 4);
  REQUIRE(report.failures.size() == 1);
  const RunFailure& failure = report.failures.front();
  CHECK(failure.name == "spoiled-sample");
  CHECK(failure.node == "trained");
  CHECK(failure.stage == "fail_at");
  CHECK(failure.epoch == 2);
  CHECK(failure.packet == 6);  // sample 40 is in the third batch of the second epoch of four batches
  CHECK(failure.where.line == 8);
  CHECK(report.leaked_bytes == 0);
}

TEST_CASE("a failing evaluator names the epoch and the batch, and the epochs before it are listed", "[config_run]") {
  std::string text = config_with("{stage: dawdle, in: batches}", "{stage: transfer, in: other_batches}");
  const std::string real = "{stage: evaluator, in: {data: tested, model: learn.model}, with: {metrics: [loss]}}";
  text.replace(text.find(real), real.size(), "{stage: fussy_evaluator, in: {data: tested, model: learn.model}}");
  const RunReport report = run_text(text, {"epochs=5", "epochs_ahead=0", GENERATE("threads=1", "threads=4")});
  CHECK(report.exit_code == 1);
  REQUIRE(report.failures.size() == 1);
  const RunFailure& failure = report.failures.front();
  CHECK(failure.name == "fussy");
  CHECK(failure.node == "evaluate");
  CHECK(failure.epoch == 2);
  CHECK(failure.batch == 6);  // rows 40 to 47, eight a batch
  CHECK(failure.where.line == 14);
  REQUIRE(report.epochs.size() == 1);  // epoch 2 was trained, but its evaluation never ended
  CHECK(report.epochs[0].find("loss").has_value());
  CHECK(report.epochs[0].find("val_loss") == 1.0);
  CHECK(report.leaked_bytes == 0);
}

TEST_CASE("a stop signal in the middle discards the rest and accounts for it", "[config_run]") {
  const int signal = GENERATE(2, 15);
  ValidatedGraph graph = graph_of_text(kPlain, {"epochs=100000"}, stages());
  struct StopLater : RunObserver {
    std::atomic<int> signal{0};
    int wanted = 0;
    void epoch(const Metrics& metrics, bool complete) override {
      if (complete && metrics.epoch == 2) signal = wanted;
    }
  } observer;
  observer.wanted = signal;
  RunOptions options;
  options.observer = &observer;
  options.stop_signal = &observer.signal;
  const RunReport report = run(graph, options);
  CHECK(report.exit_code == 128 + signal);
  CHECK(report.failures.empty());
  CHECK(report.epochs.size() >= 2);
  CHECK(report.epochs.size() < 100000);
  CHECK(report.leaked_bytes == 0);
}

TEST_CASE("what the run takes stays under the bound of its plan", "[config_run]") {
  const std::string blocks = GENERATE("rows.run.blocks=1", "rows.run.blocks=16");
  ValidatedGraph graph = graph_of_text(kPlain, {blocks, "threads=4"}, stages());
  const MemoryEstimate bound = memory_estimate(graph);
  std::size_t of_nodes = 0;
  for (const MemoryEstimate::NodeBytes& node : bound.nodes) of_nodes += node.total();
  const RunReport report = run(graph, {});
  REQUIRE(report.exit_code == 0);
  CHECK(report.peak_bytes > 0);
  CHECK(report.peak_bytes <= of_nodes);
  CHECK(of_nodes < bound.total);
}

}  // namespace millrace::pipelines
