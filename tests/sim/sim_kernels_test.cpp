// Stages with kernels of their own, in whole runs on the simulated device.
#include "catch.hpp"
#include "notebook.hpp"

#include <millrace/registry.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>

using namespace millrace;
using namespace millrace::sim;

namespace {

// What a plugin with a kernel of its own does: bright becomes dark, on the device where it has memory of its own. A careless one
// lets its work begin before the bytes are there.
class Negative : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("255 - x, on the device.")
        .input("in", RecordType::any())
        .output("out", RecordType::like("in"))
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
  static void describe(StageDescriptor& spec) { Negative::describe(spec); }
  explicit HastyNegative(const ParamValue& params) : Negative(params) { waits_ = false; }
};

const StageRegistry& stages() {
  static const StageRegistry registry = [] {
    StageRegistry r = built_in();
    r.add(make_stage_info<Negative>("negative"));
    r.add(make_stage_info<HastyNegative>("hasty_negative"));
    return r;
  }();
  return registry;
}

}  // namespace

TEST_CASE("a stage with a kernel of its own works on the device, wherever its packets lie", "[sim]") {
  for (const char* behind : {"", "negative"}) {
    const Notebook notebook(*behind == 0 ? "negative" : "transfer", behind, stages());
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
  const Notebook notebook("transfer", "hasty_negative", stages());
  const auto world = new_world();
  notebook.run("sim");
  const Names names = world->violation_names();
  CHECK(std::find(names.begin(), names.end(), "missing-wait") != names.end());
}

TEST_CASE("a stream of the CPU has no handle of another library", "[sim]") {
  CHECK(open_device({"cpu", 0})->make_stream()->native_handle() == nullptr);
}
