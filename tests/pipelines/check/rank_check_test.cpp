// Stages that read rows in a run over several processes, where each has a part of them.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "temp_folder.hpp"

#include <millrace/registry.hpp>

namespace millrace::pipelines {
namespace {

void describe_rows(StageDescriptor& spec) {
  spec.summary("Takes rows.").input("in", RecordType::any()).example("x: {stage: x, in: batches}");
}

class Counter : public Serial {
 public:
  explicit Counter(const ParamValue&) {}
  static void describe(StageDescriptor& spec) { describe_rows(spec); }
  void infer(InferContext&) override {}
  void process(SerialContext&) override {}
};

class AloneCounter final : public Counter {
 public:
  using Counter::Counter;
  static void describe(StageDescriptor& spec) {
    describe_rows(spec);
    spec.every_rank_alone();
  }
};

class SummingCounter final : public Counter {
 public:
  using Counter::Counter;
  static void describe(StageDescriptor& spec) {
    describe_rows(spec);
    spec.communicates();
  }
};

class Pass : public Transform {
 public:
  explicit Pass(const ParamValue&) {}
  static void describe(StageDescriptor& spec) {
    describe_rows(spec);
    spec.output("out", RecordType::like("in"));
  }
  void infer(InferContext& ctx) override { ctx.output("out", ctx.input("in")); }
  void process(TransformContext& ctx) const override { ctx.emit("out", ctx.input().fields); }
};

/// Each rank for itself, and then as if it were the run's.
class AloneTeller final : public Counter {
 public:
  using Counter::Counter;
  static void describe(StageDescriptor& spec) {
    Counter::describe(spec);
    spec.every_rank_alone().output("metrics", PortType::metrics("rows"));
  }
  void infer(InferContext& ctx) override { ctx.output("metrics", PortSpec::of_kind(PortKind::metrics)); }
};

class Mix final : public Pass {
 public:
  using Pass::Pass;
  static void describe(StageDescriptor& spec) {
    Pass::describe(spec);
    spec.rows_depend_on_packet();
  }
};

const StageRegistry& registry() {
  static const StageRegistry all = [] {
    StageRegistry r = built_in_stages();
    r.add(make_stage_info<Counter>("counter"));
    r.add(make_stage_info<AloneCounter>("alone_counter"));
    r.add(make_stage_info<SummingCounter>("summing_counter"));
    r.add(make_stage_info<AloneTeller>("alone_teller"));
    r.add(make_stage_info<Pass>("pass"));
    r.add(make_stage_info<Mix>("mix"));
    return r;
  }();
  return all;
}

/// Names of the errors of a graph that trains on `batches`, after `more` nodes.
std::vector<std::string> errors(const std::string& more, int ranks, const std::string& trained = "batches") {
  const testing::TempFolder folder;
  const std::string file =
      folder.file("config.yaml",
                  "version: 1\ndevice: cpu\ngraph:\n"
                  "  points: {stage: table_source, with: {columns: {x: [0, 1, 2, 3], y: [0, 2, 4, 6]}}}\n"
                  "  batches: {stage: batcher, in: {inputs: points.x, targets: points.y}, with: {batch_size: 4}}\n" +
                      more + "  learn: {stage: trainer, in: " + trained +
                      ", with: {model: [dense: {units: 1}], loss: mse}}\n"
                      "  weights: {stage: print, in: {model: learn.model}}\n");
  Diagnostics diagnostics;
  RankInfo info;
  info.size = ranks;
  load_graph(file, {}, registry(), diagnostics, info);
  std::vector<std::string> names;
  for (const Diagnostic& d : diagnostics.sorted()) names.push_back(d.name);
  return names;
}

using Names = std::vector<std::string>;
const Names kRefused{"rank-rows"};

}  // namespace

TEST_CASE("a sink that would see the rows of one process only is refused, wherever the rows are") {
  for (const char* in : {"batches", "points.x"}) {
    const std::string sink = std::string("  count: {stage: counter, in: ") + in + "}\n";
    CHECK(errors(sink, 2) == kRefused);
    CHECK(errors(sink, 1) == Names{});
  }
  CHECK(errors("  count: {stage: alone_counter, in: batches}\n", 2) == Names{});
  CHECK(errors("  count: {stage: summing_counter, in: batches}\n", 2) == Names{});
  CHECK(errors("  shown: {stage: print, in: batches}\n", 2) == Names{});
}

TEST_CASE("a sink behind rows that nobody shares sees them all on every process") {
  const std::string other =
      "  other: {stage: table_source, with: {columns: {x: [1, 2, 3]}}}\n"
      "  count: {stage: counter, in: other.x}\n";
  CHECK(errors(other, 2) == Names{});
}

TEST_CASE("a stage that says it mixes the rows of a packet is refused over several processes") {
  CHECK(errors("  mixed: {stage: mix, in: batches}\n", 2, "mixed") == kRefused);
  CHECK(errors("  mixed: {stage: mix, in: batches}\n", 1, "mixed") == Names{});
  CHECK(errors("  passed: {stage: pass, in: batches}\n", 2, "passed") == Names{});
}

TEST_CASE("what one process measures is not told as the run's") {
  const std::string teller = "  tell: {stage: alone_teller, in: batches}\n";
  CHECK(errors(teller, 1).empty());
  CHECK(errors(teller, 2) == kRefused);
}

}  // namespace millrace::pipelines
