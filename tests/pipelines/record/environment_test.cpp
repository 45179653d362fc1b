// What is written down of the place where a run ran.
#include "record/environment/environment.hpp"
#include "catch.hpp"
#include "idx_fixture.hpp"
#include "made_run.hpp"
#include "record/environment/git_commit.hpp"
#include "test_stages.hpp"

#include <nlohmann/json.hpp>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

const std::string kCommit = "0123456789abcdef0123456789abcdef01234567", kOther(40, 'e');

}  // namespace

TEST_CASE("the environment has versions, devices, identity and our own variables alone", "[environment]") {
  const WithEnvironment ours("MILLRACE_DATA_DIR", "/data"), secret("SOMEBODYS_TOKEN", "hush");
  TestGraph graph(3);
  graph.graph().config_hash = "cafe";
  const RunInfo info{{{"affine", "1.0", "/p/affine.so", "ab", {"random_affine"}}},
                     {{"train", 60, {"images", "labels"}, "cd", true, false}},
                     "class"};
  const std::string text = environment_json(
      graph.graph(), info, {"-", {"pipeline-run", "-"}, parse_time("2026-01-02T03:04:05.678Z").value()});
  const nlohmann::json found = nlohmann::json::parse(text);
  for (const char* key : {"folder", "host", "system", "millrace", "compiler", "flags", "onednn", "isa", "threads"})
    CHECK(found.contains(key));
  CHECK(found["started"] == "2026-01-02T03:04:05.678Z");
  CHECK(found["command"] == nlohmann::json::array({"pipeline-run", "-"}));
  CHECK(found["epochs"] == 3);
  CHECK(found["cpu"]["cores"] >= 1);
  CHECK(found["device"] == "cpu");
  CHECK(found["config_hash"] == "cafe");
  CHECK(found["bits_class"] == "class");
  CHECK(found["plugins"][0]["sha256"] == "ab");
  CHECK(found["data"]["train"] == nlohmann::json{{"rows", 60},
                                                 {"files", 2},
                                                 {"sha256", "cd"},
                                                 {"whole", true},
                                                 {"paths", nlohmann::json::array({"images", "labels"})}});
  CHECK(found["variables"]["MILLRACE_DATA_DIR"] == "/data");
  CHECK(text.find("hush") == std::string::npos);
  CHECK(found["row_order"] ==
        nlohmann::json{{"listed", "fisher-yates"}, {"up_to_rows", 1048576}, {"computed", "feistel-8-murmur3"}});
  CHECK_FALSE(found.contains("monitor"));
  CHECK_FALSE(found.contains("parent"));
}

TEST_CASE("the environment has the metric that is monitored, and the run that it goes on from", "[environment]") {
  TestGraph graph(3);
  RunStart start{"-", {}, {}, {"val_accuracy", true}, ParentRun{"runs/a-1", {5, 0, 0, true}}};
  const nlohmann::json found = nlohmann::json::parse(environment_json(graph.graph(), {}, start));
  CHECK(found["monitor"] == nlohmann::json{{"metric", "val_accuracy"}, {"mode", "max"}});
  CHECK(found["parent"] ==
        nlohmann::json{{"run", "runs/a-1"}, {"epoch", 5}, {"batch", 0}, {"is_epoch_complete", true}});
}

TEST_CASE("the commit of a folder is read from git's own files", "[environment]") {
  const TempFolder temp;
  const auto commit_of = [&](const std::string& folder) { return git_commit_of(temp.path() + "/" + folder); };
  temp.file("loose/.git/HEAD", "ref: refs/heads/main\n");
  temp.file("loose/.git/refs/heads/main", kCommit + "\n");
  temp.file("loose/configs/deep/a.yaml", "");
  for (const char* folder : {"loose", "loose/configs/deep"}) {
    CHECK(commit_of(folder).commit == kCommit);
    CHECK(commit_of(folder).branch == "main");
  }
  temp.file("packed/.git/HEAD", "ref: refs/heads/feature/x\n");
  temp.file("packed/.git/packed-refs", "# pack-refs with: peeled\n" + kOther + " refs/heads/feature/xx\n" + kCommit +
                                           " refs/heads/feature/x\n^" + kOther + "\n");
  CHECK(commit_of("packed").commit == kCommit);
  CHECK(commit_of("packed").branch == "feature/x");
  temp.file("detached/.git/HEAD", kCommit + "\n");
  CHECK(commit_of("detached").commit == kCommit);
  CHECK(commit_of("detached").branch.empty());
  temp.file("linked/.git", "gitdir: ../loose/.git/worktrees/linked\n");
  temp.file("loose/.git/worktrees/linked/HEAD", "ref: refs/heads/other\n");
  temp.file("loose/.git/worktrees/linked/commondir", "../..\n");
  temp.file("loose/.git/refs/heads/other", kOther + "\n");
  CHECK(commit_of("linked").commit == kOther);
}

TEST_CASE("a folder of which git tells no commit has none", "[environment]") {
  const TempFolder temp;
  temp.file("empty/.git/HEAD", "ref: refs/heads/main\n");
  temp.file("broken/.git/HEAD", "what is this\n");
  temp.file("outside/.git/HEAD", "ref: ../../secret\n");
  temp.file("secret", kCommit + "\n");
  temp.file("lost/.git", "gitdir: nowhere\n");
  for (const char* folder : {"empty", "broken", "outside", "lost"})
    CHECK(git_commit_of(temp.path() + "/" + folder).commit.empty());
}
