// What a recorder writes of a run, when, and what becomes of it where it cannot write.
#include "record/run_recorder.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "made_run.hpp"
#include "test_stages.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <limits>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

Metrics metrics(std::uint32_t epoch, std::vector<std::pair<std::string, double>> values = {{"loss", 0.5}}) {
  Metrics m;
  m.epoch = epoch;
  m.values = std::move(values);
  return m;
}

struct Told : RunObserver {
  std::vector<std::string> calls;
  std::function<void()> on_epoch = [] {};
  void step(const std::string& node, const StepProgress&) override { calls.push_back("step " + node); }
  void epoch(const Metrics& m, bool complete) override {
    calls.push_back((complete ? "end " : "epoch ") + std::to_string(m.epoch));
    on_epoch();
  }
  void print(std::string_view text) override { calls.push_back("print " + std::string(text)); }
  void warning(const RunWarning& warning) override { calls.push_back("warning " + warning.name); }
  void ending(const RunFailure& failure) override { calls.push_back("ending " + failure.name); }
  void busy(const std::map<std::string, double>&) override { calls.emplace_back("busy"); }
  void finish() override { calls.emplace_back("finish"); }
};

/// Refuses one kind of call with ENOSPC, from when it is told to.
class Refusing : public GatedCalls {
 public:
  explicit Refusing(std::string call)
      : GatedCalls([this, call = std::move(call)](std::string_view made, int) {
          return begun && made == call ? ENOSPC : kPass;
        }) {}
  std::atomic<bool> begun{false};
};

std::string metrics_of(const std::string& run) { return text_of(run + "/metrics.jsonl"); }

}  // namespace

TEST_CASE("a complete epoch is a line with all of its values, before others are told of it", "[run_recorder]") {
  const TempFolder temp;
  RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
  const std::string run = recorder.folder().path();
  Told told;
  std::string seen;
  told.on_epoch = [&] { seen = metrics_of(run); };
  recorder.pass_on_to(&told);
  recorder.epoch(metrics(1), false);
  CHECK(seen.empty());
  recorder.epoch(metrics(1, {{"loss", 0.1}, {"val_loss", 1e-300}, {"accuracy", 1.0}}), true);
  CHECK(
      seen ==
      R"({"v":1,"attempt":1,"epoch":1,"batch":0,"kind":"epoch","values":{"accuracy":1.0,"loss":0.1,"val_loss":1e-300}})"
      "\n");
  recorder.epoch(metrics(2), true);
  CHECK(seen.ends_with(R"("epoch":2,"batch":0,"kind":"epoch","values":{"loss":0.5}})"
                       "\n"));
}

TEST_CASE("a recorder passes everything on, also after it has failed", "[run_recorder]") {
  const TempFolder temp;
  for (const bool fails : {false, true}) {
    Refusing calls("write");
    RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
    calls.begun = fails;
    Told told;
    recorder.pass_on_to(&told);
    RunWarning warning;
    warning.name = "w";
    RunFailure failure;
    failure.name = "f";
    recorder.step("learn", {});
    recorder.print("text");
    recorder.warning(warning);
    recorder.busy({});
    recorder.epoch(metrics(1), false);
    try {
      recorder.epoch(metrics(1), true);
      CHECK_FALSE(fails);
    } catch (const Error& error) {
      CHECK(fails);
      CHECK(error.name() == "output-unwritable");
    }
    recorder.ending(failure);
    recorder.epoch(metrics(2), true);
    recorder.finish();
    CHECK(told.calls == std::vector<std::string>{"step learn", "print text", "warning w", "busy", "epoch 1", "end 1",
                                                 "ending f", "end 2", "finish"});
  }
}

TEST_CASE("who keeps checkpoints hears of each epoch once, when its line is in the file", "[run_recorder]") {
  const TempFolder temp;
  std::vector<std::uint32_t> told;
  RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
  recorder.when_told([&](const Metrics& epoch) {
    CHECK(metrics_of(recorder.folder().path()).find(fmt::format("\"epoch\":{}", epoch.epoch)) != std::string::npos);
    told.push_back(epoch.epoch);
  });
  for (std::uint32_t epoch = 1; epoch <= 3; ++epoch) {
    recorder.epoch(metrics(epoch), false);
    recorder.epoch(metrics(epoch), true);
  }
  CHECK(told == std::vector<std::uint32_t>{1, 2, 3});
  recorder.close();
  recorder.close();  // nothing more to do
  recorder.epoch(metrics(201), true);
  CHECK(metrics_of(recorder.folder().path()).find("\"epoch\":201") == std::string::npos);
}

TEST_CASE("a line that has to be on the disk is there when that returns, with all before it", "[run_recorder]") {
  const TempFolder temp;
  std::atomic<int> synced{0};
  GatedCalls calls([&](std::string_view call, int) {
    synced += call == "sync_data" ? 1 : 0;
    return kPass;
  });
  RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
  JournalLine line;
  line.kind = "checkpoint";
  line.position = {2, 0};
  const int before = synced;
  recorder.append_synced(line);
  CHECK(synced > before);
  CHECK(metrics_of(recorder.folder().path()).find("checkpoint") != std::string::npos);
}

TEST_CASE("texts and warnings stand in the log as they are read, and nothing in it is obeyed", "[run_recorder]") {
  const TempFolder temp;
  RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
  RunWarning warning;
  warning.name = "inputs-not-scaled";
  warning.message = "values up to 255";
  warning.node = "learn";
  warning.stage = "trainer";
  recorder.log("at the start\n");
  recorder.print("kernel: \x1b[2J\n");
  recorder.warning(warning);
  const std::string log = text_of(recorder.folder().path() + "/log.txt");
  CHECK(log.starts_with("at the start\nkernel: \\x1b[2J\nwarning[inputs-not-scaled]: values up to 255\n"));
  CHECK(log.find("in node `learn` (stage trainer)") != std::string::npos);
}

TEST_CASE("what cannot be written is told once, when an epoch is complete or the run is over", "[run_recorder]") {
  const TempFolder temp;
  const auto made = [&] { return RunFolder::make(temp.path(), new_run("a")); };
  SECTION("a line of the log by the next epoch") {
    Refusing calls("write");
    RunRecorder recorder(made());
    calls.begun = true;
    recorder.print("lost\n");
    recorder.epoch(metrics(1), false);
    CHECK(error_of([&] { recorder.epoch(metrics(1), true); }).name() == "output-unwritable");
    recorder.epoch(metrics(2), true);
    recorder.finish();
    recorder.close();
  }
  SECTION("by the end where no epoch follows") {
    Refusing calls("write");
    RunRecorder recorder(made());
    calls.begun = true;
    recorder.print("lost\n");
    CHECK(error_of([&] { recorder.finish(); }).name() == "output-unwritable");
    recorder.close();
  }
  SECTION("by closing where the disk refuses afterward") {
    Refusing calls("sync_data");
    RunRecorder recorder(made());
    calls.begun = true;
    std::string name;
    try {
      recorder.epoch(metrics(1), true);
      recorder.close();
    } catch (const Error& error) {
      name = error.name();
    }
    CHECK(name == "output-unwritable");
    recorder.close();
  }
  SECTION("at once to who wants a line on the disk") {
    Refusing calls("sync_data");
    RunRecorder recorder(made());
    calls.begun = true;
    JournalLine line;
    line.kind = "checkpoint";
    CHECK(error_of([&] { recorder.append_synced(line); }).name() == "output-unwritable");
  }
}

TEST_CASE("a line that a full disk has cut is not left in the journal", "[run_recorder]") {
  const TempFolder temp;
  Refusing calls("write");
  calls.writes_half = true;
  RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
  recorder.epoch(metrics(1), true);
  const std::string before = metrics_of(recorder.folder().path());
  calls.begun = true;
  CHECK_THROWS_AS(recorder.epoch(metrics(2), true), Error);
  CHECK(metrics_of(recorder.folder().path()) == before);
}

TEST_CASE("an attempt that was overtaken ends by that name, and writes into its own folder alone", "[run_recorder]") {
  const TempFolder temp;
  RunRecorder first(RunFolder::make(temp.path(), new_run("a")));
  first.epoch(metrics(1), true);
  std::optional<RunFolder> second;
  while (!second) {
    silence(first.folder().path(), 1);
    try {
      second = RunFolder::open(first.folder().path(), "{}");
    } catch (const Error&) {  // its thread was quicker
    }
  }
  CHECK_THROWS_AS(first.folder().claim().beat(), Error);  // or its thread, some seconds later
  CHECK(error_of([&] { first.epoch(metrics(2), true); }).name() == "claim-lost");
  CHECK(metrics_of(second->path()).empty());
  CHECK(text_of(first.folder().metrics_path()).find("\"epoch\":2") == std::string::npos);
}

TEST_CASE("a run whose record cannot be written ends by that failure", "[run_recorder]") {
  const TempFolder temp;
  Refusing calls("write");
  RunRecorder recorder(RunFolder::make(temp.path(), new_run("a")));
  TestGraph graph(4);
  graph.source("data", 4, 2);
  RunReporter* reporter = nullptr;
  const Life life{[&](OpenContext& ctx) { reporter = &ctx.reporter(); }, [] {}};
  const auto count = [&](SerialContext& ctx) {
    if (!ctx.input().header.last_in_epoch) return;
    reporter->epoch_metrics(metrics(ctx.input().header.epoch, {{"rows", 4.0}}));
  };
  graph.add("count", std::make_unique<FunctionSerial>(count, life), {{"in", "data"}}, {});
  calls.begun = true;
  RunOptions options;
  options.observer = &recorder;
  const RunReport report = graph.run(options);
  CHECK(failure_names(report) == std::vector<std::string>{"output-unwritable"});
  CHECK(report.exit_code == 7);
  recorder.close();
}

TEST_CASE("a recorder that cannot open its files says how to run without", "[run_recorder]") {
  const TempFolder temp;
  RunFolder folder = RunFolder::make(temp.path(), new_run("a"));
  std::filesystem::remove(folder.log_path());
  std::filesystem::create_directory(folder.log_path());
  const Error error = error_of([&] { RunRecorder recorder(std::move(folder)); });
  CHECK(error.name() == "output-unwritable");
  CHECK(error.help().find("--no-keep") != std::string::npos);
}
