// An isolated stage by itself: its state, and its process.
#include "isolation/isolated_stage.hpp"
#include "catch.hpp"
#include "plugins/plugin_loader.hpp"
#include "test_stages.hpp"

#include <millrace/testing/stage_tester.hpp>

#include <thread>

using namespace millrace;
using namespace millrace::testing;
using pipelines::Isolation;
using pipelines::make_isolated_stage;

namespace {

const StageRegistry& faults() {
  static const StageRegistry kRegistry = [] {
    StageRegistry registry;
    pipelines::load_plugin(MILLRACE_TEST_FAULTS_PLUGIN, registry, {MILLRACE_TEST_WORKER_PROGRAM, {}, {}});
    return registry;
  }();
  return kRegistry;
}

ParamValue no_fault() { return ParamValue::Map{{"fault", "none"}, {"at", "work"}, {"epoch", 2}}; }

Isolation isolation_of(const std::string& stage, std::int64_t max_rows) {
  return {faults().find(stage),         no_fault(),
          {{"out", numbers(max_rows)}}, MILLRACE_TEST_WORKER_PROGRAM,
          std::chrono::seconds(300),    [](const std::exception_ptr& thrown) { std::rethrow_exception(thrown); }};
}

/// An isolated faulty_serial that says of itself what the stage would say.
class Apart final : public Serial {
 public:
  static void describe(StageDescriptor& spec) {
    spec.summary("Running sums.")
        .input("in", TensorType::of({DType::i32}).scalar())
        .output("out", TensorType::of({DType::i32}).scalar())
        .example("x: {stage: apart, in: a}");
  }
  explicit Apart(const ParamValue&) : stage_(make_isolated_stage(isolation_of("faulty_serial", 3))) {}
  void infer(InferContext& ctx) override { ctx.output("out", numbers(3)); }
  void open(OpenContext& ctx) override { stage_->open(ctx); }
  void close() noexcept override { stage_->close(); }
  void process(SerialContext& ctx) override { serial().process(ctx); }
  void save(StageState& state) const override { dynamic_cast<const Serial&>(*stage_).save(state); }
  void load(const StageState& state) override { serial().load(state); }

 private:
  Serial& serial() { return dynamic_cast<Serial&>(*stage_); }
  std::unique_ptr<Stage> stage_;
};

StageRegistry apart() {
  StageRegistry registry;
  registry.add(make_stage_info<Apart>("apart"));
  return registry;
}

Tensor numbers_of(std::vector<std::int32_t> values, Allocator& memory) {
  OutTensor out(number_spec(), static_cast<std::int64_t>(values.size()), memory);
  std::copy(values.begin(), values.end(), out.values<std::int32_t>().begin());
  return std::move(out).freeze();
}

std::vector<std::int32_t> values_of(const Packet& packet) {
  const auto values = packet.tensor().stored<std::int32_t>();
  return {values.begin(), values.end()};
}

/// src -> the stage, isolated -> end.
RunReport run_apart(const std::string& worker_program, Seen& seen, std::int64_t rows = 40) {
  TestGraph graph(2, 2);
  graph.source("src", rows, 4);
  ValidatedNode& node = graph.transform("apart", "src");
  node.info = faults().find("faulty_transform");
  node.params = no_fault();
  node.isolated = true;
  node.call_timeout = std::chrono::minutes(5);
  graph.sink("end", "apart", seen);
  RunOptions options;
  options.worker_program = worker_program;
  return graph.run(options);
}

}  // namespace

TEST_CASE("the state of an isolated stage is saved and loaded in its process", "[isolation]") {
  const StageRegistry registry = apart();
  const std::unique_ptr<Allocator> memory = make_host_allocator();
  StageState state;
  {
    StageTester tester(registry, "apart", {});
    tester.push("in", numbers_of({1, 2, 3}, *memory), true);
    CHECK(values_of(tester.pop()) == std::vector<std::int32_t>{1, 3, 6});
    state = tester.save();
  }
  StageTester tester(registry, "apart", {});
  tester.load(state);
  tester.push("in", numbers_of({1, 1}, *memory), true);
  CHECK(values_of(tester.pop()) == std::vector<std::int32_t>{7, 8});
}

TEST_CASE("runs at the same time in one process have their own stages", "[isolation]") {
  std::vector<Seen> seen(2);
  std::vector<RunReport> reports(2);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < 2; ++i)
    threads.emplace_back([&, i] { reports[i] = run_apart(MILLRACE_TEST_WORKER_PROGRAM, seen[i]); });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(failure_names(reports[i]).empty());
    CHECK(seen[i].rows == expected_rows(40, 2));
    CHECK(reports[i].leaked_bytes == 0);
    CHECK(chain_balances(reports[i]));
  }
}

TEST_CASE("a program that serves no stages says so", "[isolation]") {
  Seen seen;
  CHECK(failure_names(run_apart("", seen)) == std::vector<std::string>{"no-stage-worker"});
  CHECK(failure_names(run_apart("/nowhere/at/all", seen)) == std::vector<std::string>{"no-process"});
  CHECK(failure_names(run_apart("/bin/true", seen)) == std::vector<std::string>{"stage-crashed"});
  CHECK(seen.packets.empty());
}
