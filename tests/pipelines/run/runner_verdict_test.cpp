// What a run makes of warnings, and of models that nobody trained or measured.
#include "catch.hpp"
#include "test_stages.hpp"

#include <millrace/model.hpp>

#include <memory>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::testing;

namespace {

struct Told : pipelines::RunObserver {
  std::string text;
  void warning(const pipelines::RunWarning& warning) override { text += warning.node + " " + warning.name + "\n"; }
};

/// Two nodes that warn of each packet.
RunReport run_with_warnings(RunOptions options) {
  TestGraph graph(2, 4);
  std::vector<RunReporter*> reporters(2);
  graph.source("src", 40, 10);
  for (std::size_t i = 0; i < reporters.size(); ++i) {
    Life life;
    life.open = [&reporters, i](OpenContext& ctx) { reporters[i] = &ctx.reporter(); };
    auto warn = [&reporters, i](SerialContext& ctx) {
      reporters[i]->warn("odd-rows", "packet " + std::to_string(ctx.input().header.seq), "look");
    };
    graph.add("end" + std::to_string(i), std::make_unique<FunctionSerial>(warn, life), {{"in", "src"}}, {});
  }
  return graph.run(options);
}

}  // namespace

TEST_CASE("a warning of a running stage is told once a node, counted, and changes nothing", "[runner]") {
  Told told;
  RunOptions options;
  options.observer = &told;
  const RunReport report = run_with_warnings(options);
  CHECK(report.exit_code == 0);
  CHECK(report.reason == "done");
  REQUIRE(report.warnings.size() == 2);
  for (const auto& warning : report.warnings) {
    CHECK(warning.name == "odd-rows");
    CHECK(warning.message == "packet 0");
    CHECK(warning.help == "look");
    CHECK(warning.count == 8);
  }
  CHECK(report.warnings[0].node != report.warnings[1].node);
  CHECK(told.text.size() == std::string("end0 odd-rows\nend1 odd-rows\n").size());
}

namespace {

/// One node that gives a model an epoch; with `steps` it says that it has trained. With `judged` another is to measure it.
RunReport run_with_model(std::uint32_t epochs, bool steps, bool judged = false) {
  TestGraph graph(epochs, 2);
  RunReporter* reporter = nullptr;
  Life life;
  life.open = [&](OpenContext& ctx) { reporter = &ctx.reporter(); };
  auto give = [&](SerialContext& ctx) {
    if (steps) reporter->step({});
    const auto model = std::make_shared<const ModelSpec>();
    if (ctx.input().header.last_in_epoch)
      reporter->model(std::make_shared<const ModelSnapshot>(model, Loss::mse, 1, std::vector<float>{}));
  };
  graph.source("src", 10, 10);
  graph.add("learn", std::make_unique<FunctionSerial>(give, life), {{"in", "src"}},
            {{"model", PortSpec::of_kind(PortKind::model)}});
  if (judged)
    graph.add("judge", std::make_unique<FunctionSerial>([](SerialContext&) {}), {{"model", "learn.model"}},
              {{"metrics", PortSpec::of_kind(PortKind::metrics)}});
  return graph.run();
}

}  // namespace

TEST_CASE("a model that was to be measured and was not is no result", "[runner]") {
  const RunReport report = run_with_model(2, true, true);
  CHECK(report.exit_code == 1);
  REQUIRE(failure_names(report) == std::vector<std::string>{"nothing-measured"});
  CHECK(report.failures[0].node == "judge");
  CHECK(run_with_model(0, true, true).exit_code == 0);
}

TEST_CASE("a model that no step has trained is no result", "[runner]") {
  CHECK(run_with_model(2, true).exit_code == 0);
  const RunReport report = run_with_model(2, false);
  CHECK(report.exit_code == 1);
  REQUIRE(failure_names(report) == std::vector<std::string>{"nothing-trained"});
  CHECK(report.failures[0].node == "learn");
  CHECK(run_with_model(0, false).exit_code == 0);
}

TEST_CASE("where warnings are errors the first one ends the run and is no warning", "[runner]") {
  RunOptions options;
  options.strict = true;
  const RunReport report = run_with_warnings(options);
  CHECK(report.exit_code == 1);
  CHECK(report.reason == "failed");
  CHECK(report.warnings.empty());
  REQUIRE_FALSE(report.failures.empty());
  CHECK(report.failures[0].name == "odd-rows");
  CHECK(report.failures[0].node.substr(0, 3) == "end");
}
