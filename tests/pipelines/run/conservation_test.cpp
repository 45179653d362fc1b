// The law that nothing is lost, on counts that do not add up.
#include "run/conservation.hpp"
#include "catch.hpp"

using namespace millrace;
using namespace millrace::pipelines;
using Catch::Matchers::ContainsSubstring;

namespace {

EdgeCount edge(std::uint64_t emitted, std::uint64_t taken, std::uint64_t discarded = 0, std::uint64_t waiting = 0) {
  return {"train.images", "flat.in", emitted, taken, discarded, waiting, 5, true};
}

std::vector<std::string> names(const std::vector<RunFailure>& failures) {
  std::vector<std::string> all;
  for (const RunFailure& failure : failures) all.push_back(failure.name);
  return all;
}

}  // namespace

TEST_CASE("counts that add up are no failure", "[conservation]") {
  CHECK(check_conservation({edge(10, 10)}, {{"train", 5, 0, 4}}, 5, false).empty());
  CHECK(check_conservation({edge(10, 7, 3)}, {{"train", 2, 0, 4}}, 5, true).empty());
}

TEST_CASE("a packet that disappeared is reported with its edge and the numbers", "[conservation]") {
  const bool stopped = GENERATE(false, true);
  const auto failures = check_conservation({edge(10, 9)}, {}, 5, stopped);
  REQUIRE(names(failures) == std::vector<std::string>{"lost-packet"});
  CHECK(failures[0].message == "edge train.images -> flat.in: 10 packets were emitted and 9 accounted for");
  CHECK(failures[0].notes.at(0) == "emitted 10, taken 9, discarded 0, waiting 0");
}

TEST_CASE("a packet that appeared from nowhere is reported too", "[conservation]") {
  CHECK(names(check_conservation({edge(10, 11)}, {}, 5, false)) == std::vector<std::string>{"lost-packet"});
}

TEST_CASE("packets that wait or were discarded are losses of a run that nobody stopped", "[conservation]") {
  const auto waiting = check_conservation({edge(10, 9, 0, 1)}, {}, 5, false);
  REQUIRE(names(waiting) == std::vector<std::string>{"lost-packet"});
  CHECK_THAT(waiting[0].message, ContainsSubstring("1 packet waits for a partner"));
  const auto discarded = check_conservation({edge(10, 9, 1)}, {}, 5, false);
  REQUIRE(names(discarded) == std::vector<std::string>{"lost-packet"});
  CHECK_THAT(discarded[0].message, ContainsSubstring("1 packet was discarded"));
}

TEST_CASE("a port that missed the end of a pass is reported, unless it carries no rows", "[conservation]") {
  EdgeCount short_one = edge(10, 10);
  short_one.passes_ended = 4;
  CHECK(names(check_conservation({short_one}, {}, 5, false)) == std::vector<std::string>{"lost-packet"});
  short_one.carries_rows = false;
  CHECK(check_conservation({short_one}, {}, 5, false).empty());
}

TEST_CASE("a source that did not finish its passes is reported with what it waits for", "[conservation]") {
  const auto failures = check_conservation({}, {{"train", 3, 2, 4}}, 5, false);
  REQUIRE(names(failures) == std::vector<std::string>{"unfinished-pass"});
  CHECK_THAT(failures[0].message, ContainsSubstring("source `train` finished 3 of 5 passes"));
  CHECK_THAT(failures[0].help, ContainsSubstring("2 of its 4 blocks"));
}
