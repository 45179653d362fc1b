// Whole runs on the simulated device, from the text of a config: the same bits as on the CPU, no lifetime violated, and every way
// in which a device can let a run down ends it with a name and a place.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "command/device_time_text.hpp"
#include "command/run_json.hpp"
#include "idx_fixture.hpp"
#include "run/runner.hpp"
#include "sim_device.hpp"

#include <millrace/registry.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <thread>

using namespace millrace;
using namespace millrace::sim;
using pipelines::RunFailure;
using pipelines::RunOptions;
using pipelines::RunReport;
using Names = std::vector<std::string>;

namespace {

constexpr int kTrainLine = 9, kValidLine = 18;  // of the transfers

// A transfer that forgets that the copy still reads the batch.
class CarelessTransfer final : public Transform {
 public:
  static void describe(StageSpec& spec) {
    spec.summary("Copies and keeps nothing.")
        .input("in", Record::any())
        .output("out", Record::like("in"))
        .copies_to_device()
        .example("t: {stage: careless_transfer, in: batches}");
  }
  explicit CarelessTransfer(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void open(OpenContext& ctx) override { stream_ = ctx.device().make_stream(); }
  void process(TransformContext& ctx) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Field> fields;
    for (const Field& field : ctx.input().fields) {
      OutTensor out = ctx.allocate(field.tensor.spec(), field.tensor.rows());
      stream_->copy(out.bytes(), field.tensor.bytes(), field.tensor.size_bytes());
      fields.push_back({field.name, std::move(out).freeze(field.tensor.rows(), stream_->record())});
    }
    ctx.emit("out", std::move(fields));
  }
  void close() noexcept override { stream_.reset(); }

 private:
  std::unique_ptr<Stream> stream_;
  mutable std::mutex mutex_;
};

// A transfer that gathers packets and forgets that the copy still reads what it has gathered.
class CarelessGathering final : public GroupedTransform {
 public:
  static void describe(StageSpec& spec) { CarelessTransfer::describe(spec); }
  explicit CarelessGathering(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void open(OpenContext& ctx) override {
    staging_ = &ctx.device().staging();
    stream_ = ctx.device().make_stream();
  }
  void process_group(std::span<TransformContext* const> calls) const override {
    for (TransformContext* ctx : calls) {
      std::vector<Field> fields;
      for (const Field& field : ctx->input().fields) {
        const Tensor& from = field.tensor;
        OutTensor out = ctx->allocate(from.spec(), from.rows());
        const auto slot = staging_->allocate(from.size_bytes());
        std::memcpy(slot.get(), from.bytes(), from.size_bytes());
        stream_->copy(out.bytes(), slot.get(), from.size_bytes());
        const Event ready = stream_->record();
        fields.push_back({field.name, std::move(out).freeze(from.rows(), ready)});
        ctx->keep_until(ready, ctx->input(), fields);
      }
      ctx->emit("out", std::move(fields));
    }
  }
  void close() noexcept override { stream_.reset(); }

 private:
  Allocator* staging_ = nullptr;
  std::unique_ptr<Stream> stream_;
};

// What a plugin with a kernel of its own does: bright becomes dark, on the device where it has memory of its own. A careless one
// lets its work begin before the bytes are there.
class Negative : public Transform {
 public:
  static void describe(StageSpec& spec) {
    spec.summary("255 - x, on the device.")
        .input("in", Record::any())
        .output("out", Record::like("in"))
        .reads_on_device()
        .copies_to_device()
        .example("t: {stage: negative, in: batches}");
  }
  explicit Negative(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void open(OpenContext& ctx) override {
    if (!ctx.device().is_host()) stream_ = ctx.device().make_stream();
  }
  void process(TransformContext& ctx) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Field> fields;
    for (const Field& field : ctx.input().fields) {
      OutTensor out = ctx.allocate(field.tensor.spec(), field.tensor.rows());
      const Event done = stream_ ? enqueue(field, out) : Event();
      if (!stream_) {
        std::memcpy(out.bytes(), field.tensor.bytes(), field.tensor.size_bytes());
        if (field.name == "inputs") invert(out.bytes(), field.tensor.size_bytes());
      }
      fields.push_back({field.name, std::move(out).freeze(field.tensor.rows(), done)});
    }
    ctx.keep_until(fields.back().tensor.ready(), ctx.input(), fields);
    ctx.emit("out", std::move(fields));
  }
  void close() noexcept override { stream_.reset(); }

 protected:
  bool waits_ = true;

 private:
  static void invert(std::byte* bytes, std::size_t count) {
    std::transform(bytes, bytes + count, bytes, [](std::byte b) { return ~b; });
  }
  Event enqueue(const Field& field, OutTensor& out) const {
    const std::size_t size = field.tensor.size_bytes();
    if (waits_ && field.tensor.ready().state()) stream_->wait(field.tensor.ready());
    stream_->copy(out.bytes(), field.tensor.bytes(), size);
    auto* kernels = static_cast<SimStream*>(stream_->native_handle());
    const ByteRange range{out.bytes(), size};
    if (field.name == "inputs")
      kernels->compute({range}, {range}, 0, 0, [bytes = out.bytes(), size] { invert(bytes, size); });
    return stream_->record();
  }
  std::unique_ptr<Stream> stream_;
  mutable std::mutex mutex_;
};

class HastyNegative final : public Negative {
 public:
  static void describe(StageSpec& spec) { Negative::describe(spec); }
  explicit HastyNegative(const ParamValue& params) : Negative(params) { waits_ = false; }
};

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry r = pipelines::built_in_stages();
    r.add(make_stage_info<CarelessTransfer>("careless_transfer"));
    r.add(make_stage_info<CarelessGathering>("careless_gathering"));
    r.add(make_stage_info<Negative>("negative"));
    r.add(make_stage_info<HastyNegative>("hasty_negative"));
    return r;
  }();
  return registry;
}

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

/// The notebook's graph, small, on data of its own.
class Notebook {
 public:
  explicit Notebook(const std::string& transfer = "transfer", const std::string& behind = "") {
    const auto idx = [&](const std::string& name, std::uint32_t rows) {
      folder_.file(name + "-images", testing::idx_of_bytes({rows, 6, 6}, images(rows)));
      folder_.file(name + "-labels", testing::idx_of_bytes({rows}, labels(rows)));
      return "{images: " + folder_.path() + "/" + name + "-images, labels: " + folder_.path() + "/" + name +
             "-labels, block_rows: 48, shuffle: " + (name == "train" ? "true}" : "false}");
    };
    path_ = folder_.file("notebook.yaml",
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
                             idx("train", 300) + "}\n  valid: {stage: idx_loader, with: " + idx("valid", 70) + "}\n" +
                             (behind.empty() ? "" : "  behind: {stage: " + behind + ", in: train_to_device}\n"));
  }

  /// From now on with these too, as after --set.
  Notebook& set(std::vector<std::string> sets) {
    sets_ = std::move(sets);
    return *this;
  }
  pipelines::ValidatedGraph load(const std::string& device, int threads) const {
    std::vector<std::string> sets{"device=" + device, "threads=" + std::to_string(threads)};
    sets.insert(sets.end(), sets_.begin(), sets_.end());
    return pipelines::graph_of(path_, sets, stages());
  }
  RunReport run(const std::string& device, int threads = 2, const RunOptions& options = {}) const {
    pipelines::ValidatedGraph graph = load(device, threads);
    return pipelines::run(graph, options);
  }

 private:
  std::vector<std::string> sets_;
  testing::TempFolder folder_;
  std::string path_;
};

/// Every packet by itself, so that the number of copies is known.
const std::vector<std::string> kOneByOne{"train_to_device.gather_bytes=0", "valid_to_device.gather_bytes=0"};
constexpr std::uint64_t kCopiesOneByOne = 3 * 2 * (10 + 4);

std::shared_ptr<World> new_world(const Settings& settings = {}) {
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

/// Whatever happened: nothing was used too early or too late, and nothing is left.
void check_clean(const World& world, const RunReport& report) {
  CHECK(world.violation_names() == Names{});
  CHECK(world.live_bytes() == 0);
  CHECK(report.leaked_bytes == 0);
  for (const RunFailure& failure : report.failures) CHECK(failure.name != "kept-packet");
}

}  // namespace

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

TEST_CASE("gathering waits for nothing: the smallest budgets and batches of one row come through", "[sim]") {
  Notebook notebook;
  std::vector<std::string> sets{"train.run.blocks=1", "valid.run.blocks=1"};
  for (const char* size :
       {"train_batches.batch_size=1", "train_batches.batch_size=48", "train_batches.batch_size=300"}) {
    sets.emplace_back(size);
    notebook.set(sets);
    const RunReport cpu = notebook.run("cpu");
    for (const int threads : {1, 4}) {
      INFO(size << ", " << threads << " threads");
      const auto world = new_world();
      const RunReport report = notebook.run("sim", threads);
      CHECK(names_of(report) == Names{});
      CHECK(report.weights_sha256 == cpu.weights_sha256);
      check_clean(*world, report);
    }
    sets.pop_back();
  }
}

TEST_CASE("a message ends where it is large enough, and large packets travel alone", "[sim]") {
  Notebook notebook;
  notebook.set({"train_batches.batch_size=1", "train_to_device.gather_bytes=600", "valid_to_device.gather_bytes=511"});
  const auto world = new_world();
  CHECK(names_of(notebook.run("sim", 1)) == Names{});
  // A row of 36 bytes and a label take 512 bytes of a message; a batch of 20 rows is too large for one.
  CHECK(world->copies() >= 3 * (300 * 512 / (256 * 1024) + 2 * 4));
  CHECK(world->copies() < 3 * 2 * (300 + 4));
}

TEST_CASE("a stage with a kernel of its own works on the device, wherever its packets lie", "[sim]") {
  for (const char* behind : {"", "negative"}) {
    const Notebook notebook(*behind == 0 ? "negative" : "transfer", behind);
    const RunReport cpu = notebook.run("cpu");
    REQUIRE(names_of(cpu) == Names{});
    CHECK(cpu.weights_sha256 != Notebook().run("cpu").weights_sha256);
    for (std::uint64_t seed = 0; seed < 4; ++seed) {
      INFO("seed " << seed);
      Settings settings;
      settings.seed = seed;
      const auto world = new_world(settings);
      const RunReport report = notebook.run("sim");
      CHECK(names_of(report) == Names{});
      CHECK(report.weights_sha256 == cpu.weights_sha256);
      CHECK(world->copies_from_elsewhere() == 0);
      check_clean(*world, report);
    }
  }
}

TEST_CASE("a kernel that does not wait for its packet is named", "[sim]") {
#if defined(__SANITIZE_THREAD__)
  SKIP("the planted fault is a race, which the thread sanitizer names itself");
#endif
  const Notebook notebook("transfer", "hasty_negative");
  const auto world = new_world();
  notebook.run("sim");
  const Names names = world->violation_names();
  CHECK(std::find(names.begin(), names.end(), "missing-wait") != names.end());
}

TEST_CASE("a stream of the CPU has no handle of another library", "[sim]") {
  CHECK(open_device({"cpu", 0})->make_stream()->native_handle() == nullptr);
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
  DeviceTimes by_hand;
  by_hand.seconds = 40;
  by_hand.busy = 30;
  by_hand.idle_input = 8;
  by_hand.idle_launch = 1.6;
  by_hand.idle_sync = 0.4;
  by_hand.copy = 5;
  by_hand.copy_hidden = 4.8;
  CHECK(pipelines::device_time_text(by_hand) ==
        "device busy 75% of 40.0s, idle 25% (input 20%, launch 4%, sync 1%, communication 0%)\n"
        "copies 5.0s, 96% hidden behind computation\n");
  CHECK(pipelines::device_time_text({}).empty());
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

TEST_CASE("a copy that fails ends the run, with the node and its place", "[sim]") {
  Notebook notebook;
  const bool gathers = GENERATE(false, true);
  if (!gathers) notebook.set(kOneByOne);
  for (const std::uint64_t copy : {0U, 1U, 9U, 40U}) {
    if (gathers && copy > 1) break;  // there may not be so many
    Settings settings;
    settings.failing_copy = copy;
    const auto world = new_world(settings);
    const RunReport report = notebook.run("sim");
    INFO("copy " << copy << ", gathering " << gathers);
    CHECK(report.exit_code == 1);
    const RunFailure* train = failure_of(report, "train_to_device");
    const RunFailure* failure = train != nullptr ? train : failure_of(report, "valid_to_device");
    REQUIRE(failure != nullptr);
    CHECK(failure->name == "device-failed");
    CHECK(failure->stage == "transfer");
    const auto told = [&](const RunFailure& one) { return one.node == failure->node; };
    CHECK(std::count_if(report.failures.begin(), report.failures.end(), told) == 1);  // not once a packet
    CHECK(failure->where.line == (train != nullptr ? kTrainLine : kValidLine));
    check_clean(*world, report);
  }
}

TEST_CASE("a copy that never ends is given up, with its buffers alive until then", "[sim]") {
  const Notebook notebook;
  Settings settings;
  settings.hanging_copy = 0;
  const auto world = new_world(settings);
  RunOptions options;
  options.device_timeout = std::chrono::milliseconds(500);  // longer than any step that does end, on a busy machine too
  const RunReport report = notebook.run("sim", 2, options);
  REQUIRE_FALSE(report.failures.empty());
  const RunFailure& failure = report.failures.front();
  CHECK(failure.name == "device-hung");
  CHECK(failure.stage == "transfer");
  CHECK(failure.where.line == (failure.node == "train_to_device" ? kTrainLine : kValidLine));
  CHECK(report.exit_code == static_cast<int>(ErrorKind::stalled));
  CHECK(world->live_bytes_when_abandoned() > 0);
  check_clean(*world, report);
}

TEST_CASE("a signal with copies under way ends the run when they have ended", "[sim]") {
  Notebook notebook;
  notebook.set(kOneByOne);
  std::atomic<int> signal{0};
  std::atomic<bool> go{false};
  std::shared_ptr<World> world;
  Settings settings;
  settings.on_copy = [&](std::uint64_t copies) {
    if (copies == 12) world->hold();
    if (copies != 14) return;  // not begun: the streams are held
    signal = SIGTERM;
    go = true;
    go.notify_all();
  };
  world = new_world(settings);
  std::thread resumes([&] {
    go.wait(false);
    world->resume();
  });
  RunOptions options;
  options.stop_signal = &signal;
  const RunReport report = notebook.run("sim", 2, options);
  go = true;
  go.notify_all();
  resumes.join();
  CHECK(names_of(report) == Names{});
  CHECK(report.exit_code == 128 + SIGTERM);
  check_clean(*world, report);
}

TEST_CASE("a signal with gathered packets under way ends the run when they have ended", "[sim]") {
  const Notebook notebook;
  std::atomic<int> signal{0};
  Settings settings;
  settings.on_copy = [&](std::uint64_t) { signal = SIGTERM; };
  const auto world = new_world(settings);
  RunOptions options;
  options.stop_signal = &signal;
  const RunReport report = notebook.run("sim", 2, options);
  CHECK(names_of(report) == Names{});
  CHECK(report.exit_code == 128 + SIGTERM);
  check_clean(*world, report);
}

TEST_CASE("a transfer that does not keep what it copies is named", "[sim]") {
  const Notebook notebook(GENERATE(as<std::string>{}, "careless_transfer", "careless_gathering"));
  const auto world = new_world();
  notebook.run("sim");
  const Names found = world->violation_names();
  CHECK(std::find(found.begin(), found.end(), "source-freed") != found.end());
}
