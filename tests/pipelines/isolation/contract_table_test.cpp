// A stage that breaks its contract is told by one name wherever it does so: in a run, in a process of its own, in StageTester and in
// test-stage.
#include "built_in_graph.hpp"
#include "catch.hpp"
#include "plugins/plugin_loader.hpp"
#include "run/runner.hpp"
#include "temp_folder.hpp"

#include <millrace/error.hpp>
#include <millrace/testing/stage_suite.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::testing;

namespace {

struct Way {
  std::string stage, how, error;
};

const std::vector<Way> kWays{
    {"breaks_source", "unknown_output", "no-such-port"},
    {"breaks_source", "other_dtype", "output-mismatch"},
    {"breaks_source", "other_shape", "output-mismatch"},
    {"breaks_source", "other_field", "output-mismatch"},
    {"breaks_source", "more_fields", "output-mismatch"},
    {"breaks_source", "null_tensor", "output-mismatch"},
    {"breaks_source", "too_many_rows", "output-mismatch"},
    {"breaks_source", "no_ids", "output-mismatch"},
    {"breaks_source", "twice", "source-contract"},
    {"breaks_source", "silent", "source-contract"},
    {"breaks_source", "half_silent", "source-contract"},
    {"breaks_source", "other_rows", "source-contract"},
    {"breaks_source", "other_ids", "source-contract"},
    {"breaks_source", "other_end", "source-contract"},
    {"breaks_source", "short_epoch", "source-contract"},
    {"breaks_source", "second_promise", "source-contract"},
    {"breaks_source", "throws_number", "unknown-exception"},
    {"breaks_source", "throws_no_thread", "no-thread"},
    {"breaks_transform", "unknown_input", "no-such-port"},
    {"breaks_transform", "unknown_output", "no-such-port"},
    {"breaks_transform", "unknown_spec", "no-such-port"},
    {"breaks_transform", "other_dtype", "output-mismatch"},
    {"breaks_transform", "null_tensor", "output-mismatch"},
    {"breaks_transform", "no_fields", "output-mismatch"},
    {"breaks_transform", "too_many_rows", "output-mismatch"},
    {"breaks_transform", "twice", "transform-contract"},
    {"breaks_transform", "silent", "transform-contract"},
    {"breaks_transform", "fewer_rows", "transform-contract"},
    {"breaks_transform", "throws_error", "its-own-name"},
    {"breaks_transform", "throws_exception", "stage-exception"},
    {"breaks_transform", "throws_number", "unknown-exception"},
    {"breaks_transform", "throws_no_memory", "out-of-memory"},
    {"breaks_transform", "throws_no_files", "too-many-files"},
    {"breaks_transform", "throws_other_code", "stage-exception"},
    {"breaks_transform", "constructor_throws", "construct-failed"},
    {"breaks_transform", "infer_throws", "infer-failed"},
    {"breaks_transform", "infers_unknown", "no-such-port"},
    {"breaks_transform", "sets_unknown", "no-such-port"},
    {"breaks_transform", "unset", "infer-incomplete"},
    {"breaks_transform", "open_throws", "stage-exception"},
    {"breaks_serial", "unknown_input", "no-such-port"},
    {"breaks_serial", "unknown_output", "no-such-port"},
    {"breaks_serial", "other_shape", "output-mismatch"},
    {"breaks_serial", "null_tensor", "output-mismatch"},
    {"breaks_serial", "silent", "serial-contract"},
    {"breaks_serial", "drops_the_end", "serial-contract"},
    {"breaks_serial", "never_ends", "serial-contract"},
    {"breaks_serial", "after_the_end", "serial-contract"},
    {"breaks_serial", "ends_twice", "serial-contract"},
    {"breaks_serial", "when_twice", "serial-contract"},
    {"breaks_serial", "throws_exception", "stage-exception"},
};

const StageRegistry& breakers() {
  static const StageRegistry kRegistry = [] {
    StageRegistry registry;
    pipelines::load_plugin(MILLRACE_TEST_BREAKERS_PLUGIN, registry, {MILLRACE_TEST_WORKER_PROGRAM, {}, {}});
    return registry;
  }();
  return kRegistry;
}

std::string config_of(const Way& way, const std::string& isolate) {
  const std::string bad =
      "  bad: {stage: " + way.stage + ", with: {how: " + way.how + "}, run: {isolate: " + isolate + "}";
  if (way.stage == "breaks_source")
    return "version: 1\nepochs: 2\ngraph:\n" + bad + "}\n  end: {stage: takes, in: bad.x}\n";
  return "version: 1\nepochs: 2\ngraph:\n  rows: {stage: breaks_source}\n" + bad +
         ", in: rows.x}\n  end: {stage: takes, in: bad}\n";
}

/// The first error of `check`, else the first failure of the run; empty when there is none.
std::string in_run(const Way& way, const std::string& isolate) {
  const TempFolder folder;
  pipelines::Diagnostics diagnostics;
  pipelines::ValidatedGraph graph =
      pipelines::load_graph(folder.file("config.yaml", config_of(way, isolate)), {}, breakers(), diagnostics);
  if (diagnostics.has_errors()) return diagnostics.sorted().front().name;
  pipelines::RunOptions options;
  options.worker_program = MILLRACE_TEST_WORKER_PROGRAM;
  const pipelines::RunReport report = pipelines::run(graph, options);
  if (report.failures.empty()) return "";
  CHECK(report.failures.front().node == "bad");
  return report.failures.front().name;
}

std::string in_tester(const Way& way) {
  try {
    StageTester tester(breakers(), way.stage, {{"how", way.how}});
    for (int call = 0; call < 4; ++call) {
      if (way.stage == "breaks_source")
        tester.pull();
      else
        tester.push("in", rows<std::int32_t>({}, {1, 2, 3, 4}), call % 2 == 1);
    }
  } catch (const Error& error) {
    return error.name();
  }
  return "";
}

/// What the first check that fails has seen.
std::string in_suite(const Way& way) {
  const StageInfo& info = *breakers().find(way.stage);
  const std::vector<std::string> inputs =
      way.stage == "breaks_source" ? std::vector<std::string>{} : std::vector<std::string>{"in"};
  const SuiteCase one{info, complete_params(info.spec.params(), {{"how", way.how}}), inputs};
  for (const SuiteCheck& check : suite_checks())
    if (const CheckResult result = check.run(one); result.verdict == Verdict::failed) return result.seen;
  return "";
}

}  // namespace

TEST_CASE("a broken contract has one name in a run, isolated, in StageTester and in test-stage", "[contract]") {
  for (const Way& way : kWays) {
    INFO(way.stage << ", " << way.how);
    CHECK(in_run(way, "none") == way.error);
    CHECK(in_run(way, "process") == way.error);
    CHECK(in_tester(way) == way.error);
    const std::string seen = in_suite(way);
    INFO("test-stage has seen: " << seen);
    CHECK(seen.find(way.error + ": ") != std::string::npos);
  }
}

TEST_CASE("stages that keep their contract pass everywhere", "[contract]") {
  for (const char* stage : {"breaks_source", "breaks_transform", "breaks_serial"}) {
    const Way well{stage, "well", ""};
    INFO(stage);
    CHECK(in_run(well, "none").empty());
    CHECK(in_run(well, "process").empty());
    CHECK(in_tester(well).empty());
    CHECK(in_suite(well).empty());
  }
}
