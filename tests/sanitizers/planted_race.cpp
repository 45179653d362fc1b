// A defect on purpose: a Transform that counts in an unprotected member, run by the real engine on four threads. Shows that
// ThreadSanitizer reports a race in a stage's body; with `racy=false` the same graph must be reported clean.
#include "check/validator.hpp"
#include "config/spec/document_reader.hpp"
#include "config/spec/spec_builder.hpp"
#include "run/runner.hpp"

#include <millrace/registry.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <numeric>
#include <string>

using namespace millrace;

namespace {

constexpr std::int64_t kBlocks = 300;
// Long enough for bodies of several threads to overlap; shorter ones collide too seldom to be caught.
constexpr int kCountsABlock = 20000;

TensorSpec one_byte() { return {DType::u8, {}, {}, {}, {}}; }

class PlantedSource final : public Source {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Blocks of one row.").output("out", TensorType::of({DType::u8}).scalar());
  }
  explicit PlantedSource(const ParamValue&) {}
  void infer(InferContext& ctx) override { ctx.output("out", PortSpec::single(one_byte(), kBlocks, 1)); }
  void begin_epoch(std::uint32_t) override { next_ = 0; }
  void produce(SourceContext& ctx) override {
    OutTensor row = ctx.allocate(one_byte(), 1);
    row.values<std::uint8_t>()[0] = 1;
    const auto id = static_cast<std::uint64_t>(next_++);
    auto ids = std::make_shared<const std::vector<std::uint64_t>>(1, id);
    ctx.emit("out", OutputPacket::tensor(std::move(row).freeze(), std::move(ids), id, next_ == kBlocks));
  }

 private:
  std::int64_t next_ = 0;
};

class PlantedCounter final : public Transform {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Counts.")
        .input("in", TensorType::of({DType::u8}).scalar())
        .output("out", TensorType::of({DType::u8}).scalar())
        .param(Param("racy", ParamType::boolean(), "Count without protection."));
  }
  explicit PlantedCounter(const ParamValue& params) : racy_(params["racy"].boolean()) {}
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override {
    for (int i = 0; i < kCountsABlock; ++i) {
      if (racy_) {
        counted_ = counted_ + 1;
      } else {
        safely_counted_.fetch_add(1, std::memory_order_relaxed);
      }
    }
    ctx.emit("out", ctx.input().tensor());
  }

 private:
  bool racy_;
  mutable long counted_ = 0;
  mutable std::atomic<long> safely_counted_{0};
};

class PlantedSink final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Takes rows.").input("in", TensorType::of({DType::u8}).scalar());
  }
  explicit PlantedSink(const ParamValue&) {}
  void infer(InferContext&) override {}
  void process(SerialContext& ctx) override { rows_ += ctx.input().rows; }

 private:
  std::int64_t rows_ = 0;
};

int run_graph(const std::string& path, const std::string& setting) {
  using namespace millrace::pipelines;
  StageRegistry registry;
  registry.add(make_stage_info<PlantedSource>("planted_source"));
  registry.add(make_stage_info<PlantedCounter>("planted_counter"));
  registry.add(make_stage_info<PlantedSink>("planted_sink"));
  Diagnostics diagnostics;
  auto document = read_document(path, diagnostics);
  if (document) {
    const GraphSpec spec =
        build_spec(std::move(*document), {{"count.racy=" + setting, "command line"}}, registry, diagnostics);
    ValidatedGraph graph = validate(spec, registry, diagnostics);
    if (diagnostics.empty()) return run(graph, {}).exit_code;
  }
  std::fputs(render(diagnostics).c_str(), stderr);
  return diagnostics.exit_code();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) return run_graph(argv[1], argv[2]);
  std::fputs("usage: planted_race planted_race.yaml true|false\n", stderr);
  return 2;
}
