// What has become of a run, from its files alone, and which run a word names.
#include "record/runs/run_status.hpp"
#include "catch.hpp"
#include "command/pages/runs_page.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "made_run.hpp"
#include "record/environment/environment.hpp"
#include "record/run_recorder.hpp"
#include "record/runs/run_lookup.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <sstream>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace fs = std::filesystem;

namespace {

constexpr const char* kStopped = "{\"status\": \"stopped\"}\n";
constexpr const char* kFailed = "{\"status\": \"failed\"}\n";

void tell_epoch(RunRecorder& recorder, std::uint32_t epoch, std::vector<std::pair<std::string, double>> values) {
  Metrics metrics;
  metrics.epoch = epoch;
  metrics.values = std::move(values);
  recorder.epoch(metrics, true);
}

std::string made(const std::string& runs, const std::string& name, const std::function<void(RunFolder&)>& use) {
  RunFolder run = RunFolder::make(runs, new_run(name));
  use(run);
  return run.path();
}

RunState state_of(const std::string& run) { return status_of(run).state; }

}  // namespace

TEST_CASE("the files of a run tell what has become of it", "[run_status]") {
  const TempFolder temp;
  const std::string& runs = temp.path();
  CHECK(state_of(made(runs, "a", [](RunFolder& run) { CHECK(state_of(run.path()) == RunState::running); })) ==
        RunState::interrupted);
  CHECK(state_of(made(runs, "a", [](RunFolder& run) { run.finish("{}"); })) == RunState::finished);
  CHECK(state_of(made(runs, "a", [](RunFolder& run) { run.stop(kStopped); })) == RunState::stopped);
  CHECK(state_of(made(runs, "a", [](RunFolder& run) { run.stop(kFailed); })) == RunState::failed);
  CHECK(state_of(made(runs, "a", [](RunFolder& run) { run.stop("cut o"); })) == RunState::interrupted);
}

TEST_CASE("a run that was killed is interrupted at once", "[run_status]") {
  const TempFolder temp;
  CHECK(status_of_fork([&] {
          RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
          tell_epoch(recorder, 1, {{"loss", 0.5}});
          ::_exit(9);
        }) == 9);
  const RunStatus status = status_of(temp.path() + "/a-1");
  CHECK(status.state == RunState::interrupted);
  CHECK(status.epochs_done == 1);
}

TEST_CASE("the last attempt decides", "[run_status]") {
  const TempFolder temp;
  const std::string run = made(temp.path(), "a", [](RunFolder& first) { first.stop(kStopped); });
  {
    RunFolder second = RunFolder::open(run, "{}");
    CHECK(state_of(run) == RunState::running);
  }
  CHECK(state_of(run) == RunState::interrupted);
  CHECK(status_of(run).attempt == 2);
  RunFolder::open(run, "{}").finish("{}");
  CHECK(state_of(run) == RunState::finished);
}

TEST_CASE("epochs, best value, start and size are told", "[run_status]") {
  const TempFolder temp;
  std::string run;
  {
    RunRecorder recorder(RunFolder::make(temp.path(), new_run("some run")));
    run = recorder.folder().path();
    CHECK_FALSE(status_of(run).best.has_value());
    tell_epoch(recorder, 1, {{"loss", 0.2}, {"val_loss", 0.5}});
    tell_epoch(recorder, 2, {{"loss", 0.1}, {"val_loss", 0.25}});
    tell_epoch(recorder, 3, {{"loss", 0.05}, {"val_loss", 0.75}});
  }
  const RunStatus status = status_of(run + "/");
  CHECK(status.epochs_planned == 3U);
  CHECK(status.epochs_done == 3);
  REQUIRE(status.best.has_value());
  CHECK(status.best->name == "val_loss");
  CHECK(status.best->value == 0.25);
  CHECK(status.best->epoch == 2);
  CHECK(time_text(*status.started) == "2026-01-02T03:04:05.678Z");

  const std::uint64_t before = status_of(run).bytes;
  temp.file("some_run-1/checkpoints_of_mine/a", std::string(1000, 'x'));
  temp.file("elsewhere", std::string(5000, 'x'));
  fs::create_symlink(temp.path() + "/elsewhere", run + "/link");
  CHECK(status_of(run).bytes == before + 1000);
}

TEST_CASE("the metric that is monitored is the one that is compared, and what is not finite is never the best",
          "[run_status]") {
  const TempFolder temp;
  const NewRun monitored{"a", "version: 1\n", R"({"epochs": 3, "monitor": {"metric": "val_accuracy", "mode": "max"}})"};
  RunRecorder recorder(RunFolder::make(temp.path(), monitored));
  const std::string& run = recorder.folder().path();
  tell_epoch(recorder, 1, {{"val_accuracy", std::numeric_limits<double>::quiet_NaN()}, {"val_loss", 0.1}});
  CHECK(std::isnan(status_of(run).best->value));
  tell_epoch(recorder, 2, {{"val_accuracy", 0.9}, {"val_loss", 0.2}});
  tell_epoch(recorder, 3, {{"val_accuracy", std::numeric_limits<double>::infinity()}, {"val_loss", 0.3}});
  CHECK(status_of(run).best->name == "val_accuracy");
  CHECK(status_of(run).best->epoch == 2);
}

TEST_CASE("a run of which little can be read is told as far as it can", "[run_status]") {
  const TempFolder temp;
  const std::string run = abandoned_run(temp.path(), "a");
  temp.file("a-1/attempts/1/metrics.jsonl", R"({"v":99,"attempt":1,"epoch":1,"batch":0,"kind":"epoch","values":{}})"
                                            "\n");
  temp.file("a-1/attempts/1/environment.json", "[1, 2]");
  const RunStatus status = status_of(run);
  CHECK(status.state == RunState::interrupted);
  CHECK(status.epochs_done == 0);
  CHECK_FALSE(status.started.has_value());
  CHECK_FALSE(status.epochs_planned.has_value());
  CHECK(error_of([&] { status_of(temp.path()); }).name() == "no-run-folder");
}

TEST_CASE("runs are compared by a validation loss, else by a loss", "[run_status]") {
  using Names = std::vector<std::string>;
  const std::vector<std::pair<Names, std::string>> cases{{{"accuracy", "loss", "val_accuracy", "val_loss"}, "val_loss"},
                                                         {{"a_val_loss", "val_loss"}, "val_loss"},
                                                         {{"a_loss", "b_val_loss"}, "b_val_loss"},
                                                         {{"accuracy", "loss"}, "loss"},
                                                         {{"accuracy", "a_loss"}, "a_loss"},
                                                         {{"accuracy", "rows"}, ""},
                                                         {{}, ""}};
  for (const auto& [names, metric] : cases) CHECK(compared_metric(names) == metric);
}

TEST_CASE("a journal with a bad line in its middle is told, and a torn one is not", "[run_status]") {
  const TempFolder temp;
  const std::string run = made(temp.path(), "a", [](RunFolder&) {}), journal = run + "/current/metrics.jsonl";
  const std::string line = R"({"v":1,"attempt":1,"epoch":1,"batch":0,"kind":"epoch","values":{"loss":0.5}})";
  std::ofstream(journal) << line << "\nX" << line.substr(0, 20);
  CHECK(status_of(run).damages.empty());
  std::ofstream(journal) << line << "\nX" << line << "\n" << line << "\n";
  const RunStatus status = status_of(run);
  REQUIRE(status.damages.size() == 1);
  CHECK(status.damages.front().find("line 2 is none, and 1 whole line stands behind it") != std::string::npos);
  CHECK(status.epochs_done == 1);
}

TEST_CASE("a time is read back as it was written", "[run_status]") {
  for (const char* text : {"2026-01-02T03:04:05.678Z", "1999-12-31T23:59:59.999Z", "2000-02-29T00:00:00.000Z"})
    CHECK(time_text(parse_time(text).value()) == text);
  for (const char* text : {"", "2026-01-02", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05.67Z",
                           "2026-01-02T03:04:05.6x8Z", "2026-01-02T03:04:05.678", "2026-13-02T03:04:05.678Z"})
    CHECK_FALSE(parse_time(text).has_value());
}

TEST_CASE("runs are listed from the one started last, and nothing else is", "[run_lookup]") {
  const TempFolder temp;
  const std::string runs = temp.path() + "/runs";
  CHECK(runs_in(runs).empty());
  const std::string old = abandoned_run(runs, "b", "2026-01-01T00:00:00.000Z");
  const std::string newest = abandoned_run(runs, "a", "2026-01-01T00:00:00.002Z");
  const std::string middle = abandoned_run(runs, "c", "2026-01-01T00:00:00.001Z");
  temp.file("runs/notes.txt", "");
  fs::create_directory(runs + "/empty-1");
  fs::create_directory_symlink(old, runs + "/link-1");
  CHECK(runs_in(runs) == std::vector<std::string>{newest, middle, old});
  CHECK(find_run("last", runs) == newest);
  temp.file("file", "");
  CHECK(error_of([&] { runs_in(temp.path() + "/file"); }).name() == "runs-unreadable");
}

TEST_CASE("a run is named by its name, its folder or as the last one", "[run_lookup]") {
  const TempFolder temp;
  const std::string runs = temp.path() + "/runs", run = abandoned_run(runs, "mnist_mlp");
  CHECK(find_run("mnist_mlp-1", runs) == run);
  CHECK(find_run(run, temp.path() + "/other") == run);
  const Error wrong = error_of([&] { find_run("mnist_mlp-2", runs); });
  CHECK(wrong.name() == "unknown-run");
  CHECK(wrong.exit_code() == 2);
  CHECK(wrong.help().find("did you mean `mnist_mlp-1`?") != std::string::npos);
  CHECK(error_of([&] { find_run("../runs", runs); }).name() == "unknown-run");
  CHECK(error_of([&] { find_run("last", temp.path() + "/other"); }).name() == "unknown-run");
}

TEST_CASE("the table of runs has 80 columns, and a long name a line of its own", "[runs_page]") {
  const auto now = parse_time("2026-01-02T03:04:05.678Z").value();
  RunStatus shortest, long_one;
  shortest.name = "a-1";
  long_one.name = std::string(60, 'n') + "-1";
  long_one.state = RunState::interrupted;
  long_one.started = now - std::chrono::hours(30);
  long_one.epochs_planned = 1'000'000;
  long_one.epochs_done = 999'999;
  long_one.best = BestValue{"val_loss", 1.2345678e-5, 123'456};
  long_one.bytes = 1023ULL << 30U;
  std::istringstream lines(runs_table({shortest, long_one}, now));
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 80);
    all.push_back(line);
  }
  REQUIRE(all.size() == 4);
  CHECK(all[0].starts_with("RUN"));
  CHECK(all[1].starts_with("a-1"));
  CHECK(all[2] == long_one.name);
  CHECK(all[3].find("interrupted  999999/1000000  val_loss 1.235e-05 (123456)") != std::string::npos);
  CHECK(all[3].ends_with("30 h"));
}

TEST_CASE("an age is told in its largest unit", "[runs_page]") {
  const std::map<std::int64_t, std::string> ages{{0, "0 s"},       {59, "59 s"},        {60, "1 min"},
                                                 {3599, "59 min"}, {3600, "1 h"},       {172'799, "47 h"},
                                                 {172'800, "2 d"}, {8'640'000, "100 d"}};
  for (const auto& [seconds, text] : ages) CHECK(age_text(std::chrono::seconds(seconds)) == text);
}
