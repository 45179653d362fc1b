// What is read of a run's folder, whole, torn or not there.
#include "report/record_reading.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "made_run.hpp"
#include "record/run_recorder.hpp"
#include "temp_folder.hpp"

#include <fstream>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

constexpr const char* kSummary = R"({"seconds": 2.5, "weights_sha256": "ab", "status": "stopped",
 "nodes": {"a": {"stage": "s", "busy": 1, "inputs": []}, "b": {"stage": "t", "busy": 2, "inputs": ["a", "b", "c", "a", 7]}},
 "models": {"b": {"parameters": 6, "inputs": 2, "layers": [{"layer": "dense", "outputs": 2, "activation": "linear", "parameters": 6}, 5]}},
 "failures": [{"name": "f", "message": "m", "file": "x.yaml", "line": 3, "column": 4}, "no object"], "warnings": 7, "exit": {"code": 130, "reason": "signal 2"}})";

std::string stopped_run(const std::string& runs, const std::string& summary) {
  RunRecorder recorder(RunFolder::make(runs, new_run("a")));
  for (std::uint32_t epoch = 1; epoch <= 2; ++epoch) {
    Metrics metrics;
    metrics.epoch = epoch;
    metrics.values = {{"loss", 1.0 / epoch}, {"val_loss", 2.0 / epoch}, {"accuracy", 0.5}};
    recorder.epoch(metrics, true);
  }
  recorder.close();
  recorder.folder().stop(summary);
  return recorder.folder().path();
}

}  // namespace

TEST_CASE("a record has what the files say, and leaves out what they should not", "[record_reading]") {
  const TempFolder temp;
  const RunRecord run = read_run(stopped_run(temp.path(), kSummary));
  CHECK(run.status == "stopped");
  CHECK(run.reason == "signal 2");
  CHECK(run.epochs_done == 2);
  CHECK(run.epochs_planned == 3U);
  REQUIRE(run.curves.size() == 3);
  CHECK((run.curves[0].name == "val_loss" && run.curves[1].name == "loss" && run.curves[2].name == "accuracy"));
  REQUIRE(run.nodes.size() == 2);
  CHECK(run.nodes[1].inputs == std::vector<std::size_t>{0});
  REQUIRE(run.models.size() == 1);
  CHECK(run.models[0].layers.front().parameters == 6);
  CHECK(run.failures.front().place == "x.yaml:3:4");
  CHECK(run.warnings.empty());
  REQUIRE(run.attempts.size() == 1);
  CHECK((run.attempts[0].status == "stopped" && run.attempts[0].last_epoch == 2U));
  CHECK(run.config == "version: 1\n");
}

TEST_CASE("torn and missing files cost what stood in them", "[record_reading]") {
  const TempFolder temp;
  const std::string run = stopped_run(temp.path(), "[" + std::string(100'000, '['));
  std::ofstream(run + "/attempts/1/metrics.jsonl", std::ios::app) << "{\"v\":1,\"att";
  std::ofstream(run + "/attempts/1/environment.json") << "{";
  const RunRecord torn = read_run(run);
  CHECK(torn.status == "interrupted");
  CHECK(torn.epochs_done == 2);
  CHECK(torn.torn_bytes == 11);
  CHECK(torn.environment.empty());
  std::filesystem::remove_all(run + "/attempts/1");
  CHECK(read_run(run).curves.empty());
  CHECK(error_of([&] { read_run(temp.path() + "/nowhere"); }).name() == "no-run-folder");
}

TEST_CASE("deep and strange environments are flattened as far as anybody reads", "[record_reading]") {
  const TempFolder temp;
  const std::string run = stopped_run(temp.path(), "{}");
  std::string deep = "{\"cpu\": {\"cores\": 2, \"extensions\": [\"AVX2\", \"FMA\"]}, \"deep\": ";
  for (int i = 0; i < 5000; ++i) deep += "[[1],";
  std::ofstream(run + "/attempts/1/environment.json") << deep << "1" << std::string(5000, ']') << "}";
  const RunRecord found = read_run(run);
  CHECK(found.environment_text("cpu.cores") == "2");
  CHECK(found.environment_text("cpu.extensions") == "AVX2 FMA");
}
