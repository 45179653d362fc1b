// The folder of a run: made once, whole or not at all, and owned by one process at a time.
#include "record/folder/run_folder.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "made_run.hpp"
#include "record/folder/run_parts.hpp"
#include "record/runs/run_removal.hpp"

#include <sys/wait.h>

#include <cerrno>
#include <map>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace fs = std::filesystem;

namespace {

/// The next attempt, as soon as the holder has been silenced between two of its heartbeats.
RunFolder overtake(const std::string& run, std::int64_t number) {
  for (;;) {
    silence(run, number);
    try {
      return RunFolder::open(run, "{}\n");
    } catch (const Error& error) {
      if (error.name() != "run-in-use") throw;
    }
  }
}

}  // namespace

TEST_CASE("a run folder has all of its parts before anything is trained", "[run_folder]") {
  const TempFolder temp;
  const RunFolder run = RunFolder::make(temp.path() + "/deep/runs", new_run("mnist"));
  const fs::path path = run.path();
  CHECK(path == temp.path() + "/deep/runs/mnist-1");
  CHECK(run.attempt() == 1);
  CHECK(entries_of(path) == std::vector<std::string>{"attempts", "checkpoints", "claim", "config.yaml", "current",
                                                     "environment.json", "log.txt", "metrics.jsonl", "report.html"});
  CHECK(fs::read_symlink(path / "report.html") == "current/report.html");  // which is written at the end
  CHECK(entries_of(path / "attempts/1") ==
        std::vector<std::string>{"checkpoints", "environment.json", "log.txt", "metrics.jsonl"});
  CHECK(fs::read_symlink(path / "current") == "attempts/1");
  for (const char* part : {"checkpoints", "environment.json", "log.txt", "metrics.jsonl"}) {
    CHECK(fs::read_symlink(path / part) == std::string("current/") + part);
    CHECK(fs::canonical(path / part) == fs::canonical(path / "attempts/1" / part));
  }
  CHECK(text_of(path / "config.yaml") == new_run("").config);
  CHECK(text_of(path / "environment.json") == new_run("").environment);
  CHECK(run.metrics_path() == (path / "attempts/1/metrics.jsonl").string());
  CHECK(run.checkpoints_folder() == (path / "attempts/1/checkpoints").string());
}

TEST_CASE("each run gets the next number of its name, behind whatever is there", "[run_folder]") {
  const TempFolder temp;
  const std::string& runs = temp.path();
  CHECK(abandoned_run(runs, "a") == runs + "/a-1");
  CHECK(abandoned_run(runs, "a") == runs + "/a-2");
  CHECK(abandoned_run(runs, "b") == runs + "/b-1");
  temp.file("a-9", "somebody's file");
  for (const char* other : {"a-010", "a-1x", "a-", "a-b-77", "aa-50", "a--60", "a-0"}) temp.file(other, "");
  CHECK(abandoned_run(runs, "a") == runs + "/a-10");
  fs::remove_all(runs + "/a-2");
  CHECK(abandoned_run(runs, "a") == runs + "/a-11");
  CHECK(abandoned_run(runs, "a-11") == runs + "/a-11-1");
}

TEST_CASE("the name of a run is made safe for file systems", "[run_folder]") {
  const std::map<std::string, std::string> names{{"mnist_mlp", "mnist_mlp"},
                                                 {"lr=1e-3+wd", "lr=1e-3+wd"},
                                                 {"two words", "two_words"},
                                                 {"../../etc/x", "_._.._etc_x"},
                                                 {".hidden", "_hidden"},
                                                 {"-rf", "_rf"},
                                                 {"a/b\\c:d*e?f\"g<h>i|j", "a_b_c_d_e_f_g_h_i_j"},
                                                 {"bell\x07", "bell_x07"},
                                                 {"\xc3\xa4\xe6\x95\xb0", "\xc3\xa4\xe6\x95\xb0"},
                                                 {"\xff", "_xff"},
                                                 {"", "run"}};
  for (const auto& [name, safe] : names) CHECK(file_name_of(name) == safe);
  CHECK(file_name_of(std::string(300, 'x')) == std::string(100, 'x'));
  std::string wide = "x";
  for (int i = 0; i < 50; ++i) wide += "\xe6\x95\xb0";
  CHECK(file_name_of(wide) == wide.substr(0, 100));
  CHECK(file_name_of("x" + wide) == "x" + wide.substr(0, 97));  // no part of a character
}

TEST_CASE("eight processes that start at once get eight folders", "[run_folder]") {
  const TempFolder temp;
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        const RunFolder run = RunFolder::make(temp.path(), new_run("same"));
        std::ofstream(run.path() + "/mine") << ::getpid();
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    CHECK(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  std::vector<std::string> owners;
  for (int i = 1; i <= 8; ++i) owners.push_back(text_of(temp.path() + "/same-" + std::to_string(i) + "/mine"));
  std::sort(owners.begin(), owners.end());
  std::vector<std::string> all;
  for (const pid_t child : children) all.push_back(std::to_string(child));
  std::sort(all.begin(), all.end());
  CHECK(owners == all);
}

TEST_CASE("a run that is in use is nobody else's", "[run_folder]") {
  const TempFolder temp;
  const RunFolder run = RunFolder::make(temp.path(), new_run("a"));
  const Error error = error_of([&] { RunFolder::open(run.path(), "{}"); });
  CHECK(error.name() == "run-in-use");
  CHECK(error.kind() == ErrorKind::output);
  CHECK(error.message().find("process " + std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE("each attempt has a folder of its own, and the run shows the newest", "[run_folder]") {
  const TempFolder temp;
  const std::string path = abandoned_run(temp.path(), "a");
  temp.file("a-1/attempts/1/metrics.jsonl", "of the first\n");
  const RunFolder second = RunFolder::open(path, "{\"second\": true}\n");
  CHECK(second.attempt() == 2);
  CHECK(fs::read_symlink(path + "/current") == "attempts/2");
  CHECK(text_of(path + "/environment.json") == "{\"second\": true}\n");
  CHECK(text_of(path + "/metrics.jsonl").empty());
  CHECK(text_of(path + "/attempts/1/metrics.jsonl") == "of the first\n");
  CHECK(text_of(path + "/config.yaml") == new_run("").config);
}

TEST_CASE("the process that was killed is followed at once", "[run_folder]") {
  const TempFolder temp;
  CHECK(status_of_fork([&] {
          const RunFolder run = RunFolder::make(temp.path(), new_run("a"));
          ::_exit(7);
        }) == 7);
  CHECK(RunFolder::open(temp.path() + "/a-1", "{}").attempt() == 2);
}

TEST_CASE("of two processes that believe to own the run only one finishes it", "[run_folder]") {
  const TempFolder temp;
  RunFolder first = RunFolder::make(temp.path(), new_run("a"));
  RunFolder second = overtake(first.path(), 1);
  CHECK(second.attempt() == 2);
  std::ofstream(first.metrics_path()) << "late\n";
  first.stop("{\"late\": true}\n");
  CHECK(text_of(first.path() + "/metrics.jsonl").empty());

  CHECK(error_of([&] { first.finish("{\"of\": 1}\n"); }).name() == "claim-lost");
  CHECK_FALSE(fs::exists(first.path() + "/summary.json"));
  second.finish("{\"of\": 2}\n");
  CHECK(error_of([&] { first.finish("{\"of\": 1}\n"); }).name() == "claim-lost");
  CHECK(error_of([&] { second.finish("{\"again\": 2}\n"); }).name() == "run-finished");
  CHECK(text_of(first.path() + "/summary.json") == "{\"of\": 2}\n");
}

TEST_CASE("a lost claim is known from the heartbeat on that finds it", "[run_folder]") {
  const TempFolder temp;
  RunFolder first = RunFolder::make(temp.path(), new_run("a"));
  const RunFolder second = overtake(first.path(), 1);
  CHECK(error_of([&] { first.claim().beat(); }).name() == "claim-lost");
  CHECK(error_of([&] { first.claim().require_held(); }).name() == "claim-lost");
  second.claim().require_held();
}

TEST_CASE("a finished run has no further attempt", "[run_folder]") {
  const TempFolder temp;
  std::string path;
  {
    RunFolder run = RunFolder::make(temp.path(), new_run("a"));
    path = run.path();
    run.finish("{}\n");
  }
  CHECK(error_of([&] { RunFolder::open(path, "{}"); }).name() == "run-finished");
  CHECK(fs::read_symlink(path + "/current") == "attempts/1");
}

TEST_CASE("how an attempt ended lies beside what it wrote, and another may go on", "[run_folder]") {
  const TempFolder temp;
  const std::string path = temp.path() + "/a-1";
  RunFolder::make(temp.path(), new_run("a")).stop("{\"status\": \"stopped\"}\n");
  CHECK(text_of(path + "/attempts/1/summary.json") == "{\"status\": \"stopped\"}\n");
  CHECK_FALSE(fs::exists(path + "/summary.json"));
  CHECK(RunFolder::open(path, "{}").attempt() == 2);
}

TEST_CASE("where no folder can be made the error says how to run without", "[run_folder]") {
  const TempFolder temp;
  temp.file("in_the_way", "a file");
  fs::create_directory(temp.path() + "/closed");
  std::vector<std::string> places{temp.path() + "/in_the_way", temp.path() + "/in_the_way/runs"};
  if (::geteuid() != 0) {
    fs::permissions(temp.path() + "/closed", fs::perms::owner_read | fs::perms::owner_exec);
    places.insert(places.end(), {temp.path() + "/closed", temp.path() + "/closed/runs"});
  }
  for (const std::string& runs : places) {
    const Error error = error_of([&] { RunFolder::make(runs, new_run("a")); });
    CHECK(error.name() == "output-unwritable");
    CHECK(error.exit_code() == 7);
    CHECK(error.message().find(runs) != std::string::npos);
    CHECK(error.help().find("--runs DIR") != std::string::npos);
    CHECK(error.help().find("--no-keep") != std::string::npos);
  }
  fs::permissions(temp.path() + "/closed", fs::perms::owner_all);
}

TEST_CASE("a disk that is full at any call leaves no folder, or a whole one", "[run_folder]") {
  int failures = 0;
  for (bool has_failed = true; has_failed; ++failures) {
    const TempFolder temp;
    has_failed = false;
    {
      GatedCalls calls([&](std::string_view, int number) {
        if (number != failures + 1) return kPass;
        has_failed = true;
        return ENOSPC;
      });
      try {
        RunFolder::make(temp.path(), new_run("a"));
      } catch (const Error& error) {
        CHECK(error.name() == "output-unwritable");
        CHECK(error.help().find("--no-keep") != std::string::npos);
      }
    }
    const std::vector<std::string> left = entries_of(temp.path());
    if (!left.empty()) CHECK(fs::exists(temp.path() + "/a-1/environment.json"));
  }
  CHECK(failures > 15);  // as many calls as a folder takes, and one run in which none fails
}

TEST_CASE("whatever is left by a process that was killed while it made a folder can be removed", "[run_folder]") {
  const TempFolder temp;
  const int killed = kill_at_each_call(
      {}, [&] { RunFolder::make(temp.path(), new_run("a")); },
      [&] {
        for (const std::string& name : entries_of(temp.path())) remove_run(temp.path() + "/" + name);
        CHECK(entries_of(temp.path()).empty());
      });
  CHECK(killed > 15);
}
