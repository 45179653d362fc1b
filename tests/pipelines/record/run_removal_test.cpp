// What may be removed as a run, and what is never touched.
#include "record/runs/run_removal.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "gated_calls.hpp"
#include "made_run.hpp"
#include "record/folder/run_parts.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace fs = std::filesystem;

TEST_CASE("a run that nobody uses is removed with all that lies in it", "[run_removal]") {
  const TempFolder temp;
  const std::string path = abandoned_run(temp.path(), "a"), other = abandoned_run(temp.path(), "a");
  temp.file("a-1/attempts/1/checkpoints/deep/x", "x");
  CHECK(remove_run(path).empty());
  CHECK_FALSE(fs::exists(path));
  CHECK(is_run_folder(other));
}

TEST_CASE("what somebody has put beside the parts of a run stays, and is named", "[run_removal]") {
  const TempFolder temp;
  const std::string path = abandoned_run(temp.path(), "a");
  temp.file("a-1/notes.txt", "mine");
  temp.file("a-1/figures/b.png", "mine");
  CHECK(foreign_in_run(path) == std::vector<std::string>{"figures", "notes.txt"});
  CHECK(remove_run(path) == std::vector<std::string>{"figures", "notes.txt"});
  CHECK(entries_of(path) == std::vector<std::string>{"figures", "notes.txt"});
  CHECK(text_of(path + "/notes.txt") == "mine");
  CHECK_FALSE(is_run_folder(path));
}

TEST_CASE("a run that is in use stays whole", "[run_removal]") {
  const TempFolder temp;
  RunFolder run = RunFolder::make(temp.path(), new_run("a"));
  const Error error = error_of([&] { remove_run(run.path()); });
  CHECK(error.name() == "run-in-use");
  CHECK(error.exit_code() == 7);
  run.claim().beat();
  CHECK(fs::exists(run.metrics_path()));
}

TEST_CASE("what is no run folder is not removed", "[run_removal]") {
  const TempFolder temp;
  const std::string run = abandoned_run(temp.path(), "a");
  fs::create_directory(temp.path() + "/empty");
  temp.file("with_claim/claim/1", "");
  temp.file("with_claim/thesis.tex", "years of work");
  temp.file("with_claim_file/claim", "");
  temp.file("with_claim_file/environment.json", "{}");
  temp.file("with_environment/claim/1", "");
  temp.file("with_environment/environment.json", "{}");
  temp.file("with_environment/thesis.tex", "years of work");
  temp.file("a_file", "");
  fs::create_directory_symlink(run, temp.path() + "/link");
  fs::create_directory(temp.path() + "/borrowed");
  fs::create_directory_symlink(run + "/claim", temp.path() + "/borrowed/claim");
  temp.file("borrowed/environment.json", "{}");
  for (const char* name :
       {"empty", "with_claim", "with_claim_file", "with_environment", "a_file", "link", "borrowed", "not_there"}) {
    INFO(name);
    const std::string path = temp.path() + "/" + name;
    const bool was_there = fs::exists(fs::symlink_status(path));
    const Error error = error_of([&] { remove_run(path); });
    CHECK(error.name() == "no-run-folder");
    CHECK(error.exit_code() == 2);
    CHECK(fs::exists(fs::symlink_status(path)) == was_there);
  }
  CHECK(text_of(temp.path() + "/with_claim/thesis.tex") == "years of work");
  CHECK(is_run_folder(run));
}

TEST_CASE("links out of a run are removed and not followed", "[run_removal]") {
  const TempFolder temp;
  const std::string path = abandoned_run(temp.path(), "a");
  temp.file("outside/data", "data");
  fs::create_directory_symlink(temp.path() + "/outside", path + "/attempts/1/checkpoints/big_disk");
  fs::create_symlink(temp.path() + "/outside/data", path + "/attempts/1/data");
  fs::remove(path + "/current");
  fs::create_directory_symlink(temp.path() + "/outside", path + "/current");
  remove_run(path);
  CHECK_FALSE(fs::exists(path));
  CHECK(text_of(temp.path() + "/outside/data") == "data");
}

TEST_CASE("a full disk does not keep a run from being removed", "[run_removal]") {
  const TempFolder temp;
  const std::string path = abandoned_run(temp.path(), "a");
  {
    GatedCalls full([](std::string_view call, int) { return call == "write" ? ENOSPC : kPass; });
    remove_run(path);
  }
  CHECK_FALSE(fs::exists(path));

  RunFolder run = RunFolder::make(temp.path(), new_run("a"));
  GatedCalls full([](std::string_view call, int) { return call == "write" ? ENOSPC : kPass; });
  CHECK(error_of([&] { remove_run(run.path()); }).name() == "run-in-use");
}

TEST_CASE("what a removal that was killed has left is still a run, and removed by the next", "[run_removal]") {
  const TempFolder temp;
  const std::string path = abandoned_run(temp.path(), "a");
  fs::remove_all(path + "/attempts");
  fs::remove(path + "/config.yaml");
  CHECK(is_run_folder(path));
  fs::remove(path + "/environment.json");
  CHECK(is_run_folder(path));
  remove_run(path);
  CHECK(entries_of(temp.path()).empty());
}
