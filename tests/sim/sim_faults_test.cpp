// Every way in which a device can let a run down, or a stage a device: it ends with a name and a place, and nothing is left.
#include "catch.hpp"
#include "notebook.hpp"

#include <millrace/registry.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>

using namespace millrace;
using namespace millrace::sim;

namespace {

// A transfer that forgets that the copy still reads the batch.
class CarelessTransfer final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Copies and keeps nothing.")
        .input("in", RecordType::any())
        .output("out", RecordType::like("in"))
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
  static void describe(StageDescriptor& spec) { CarelessTransfer::describe(spec); }
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

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry r = built_in();
    r.add(make_stage_info<CarelessTransfer>("careless_transfer"));
    r.add(make_stage_info<CarelessGathering>("careless_gathering"));
    return r;
  }();
  return registry;
}

}  // namespace

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
    CHECK(failure->where.line == (train != nullptr ? Notebook::kTrainLine : Notebook::kValidLine));
    check_clean(*world, report);
  }
}

TEST_CASE("a copy that never ends is given up, with its buffers alive until then", "[sim]") {
  const Notebook notebook;
  Settings settings;
  settings.hanging_copy = 0;
  const auto world = new_world(settings);
  RunOptions options;
  options.device_timeout = std::chrono::milliseconds(500);  // of the device's time, which stands still while it works
  const RunReport report = notebook.run("sim", 2, options);
  REQUIRE_FALSE(report.failures.empty());
  const RunFailure& failure = report.failures.front();
  CHECK(failure.name == "device-hung");
  CHECK(failure.stage == "transfer");
  CHECK(failure.where.line == (failure.node == "train_to_device" ? Notebook::kTrainLine : Notebook::kValidLine));
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
  std::mutex mutex;
  std::uint64_t held_at = 0;
  settings.on_copy = [&](std::uint64_t copies) {
    const std::lock_guard lock(mutex);
    if (copies < 12 || go) return;
    if (held_at == 0) {
      world->hold();
      held_at = world->copies();
    }
    if (copies <= held_at) return;
    signal = SIGTERM;  // this copy is not begun: the streams are held
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

TEST_CASE("who waits for a run is told which nodes wait for the device", "[sim]") {
  const Notebook notebook;
  const auto world = new_world();
  world->hold();
  std::atomic<int> signal{0};
  pipelines::ActiveNodes nodes;
  RunOptions options;
  options.stop_signal = &signal;
  options.at_work = &nodes;
  RunReport report;
  std::thread run([&] { report = notebook.run("sim", 2, options); });
  // The device does nothing, so the run comes to this whatever thread is first.
  const Names expected{"learn", "train_to_device", "valid_to_device"};
  pipelines::PendingWork work;
  const auto at_rest = [&] {
    std::sort(work.on_device.begin(), work.on_device.end());
    return work.called.empty() && work.on_device == expected;
  };
  for (work = nodes.now(); !at_rest(); work = nodes.now()) std::this_thread::yield();
  signal = SIGINT;
  world->resume();
  run.join();
  CHECK(report.exit_code == 128 + SIGINT);
  CHECK(nodes.now().on_device.empty());
  check_clean(*world, report);
}

TEST_CASE("a transfer that does not keep what it copies is named", "[sim]") {
  const Notebook notebook(GENERATE(as<std::string>{}, "careless_transfer", "careless_gathering"), "", stages());
  const auto world = new_world();
  notebook.run("sim");
  const Names found = world->violation_names();
  CHECK(std::find(found.begin(), found.end(), "source-freed") != found.end());
}
