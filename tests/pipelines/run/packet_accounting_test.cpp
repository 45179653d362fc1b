// The law that nothing is lost, on counts that do not add up.
#include "run/packet_accounting.hpp"
#include "catch.hpp"

using namespace millrace;
using namespace millrace::pipelines;
using Catch::Matchers::ContainsSubstring;

namespace {

EdgeCount edge(std::uint64_t emitted, std::uint64_t taken, std::uint64_t discarded = 0, std::uint64_t waiting = 0) {
  return {"train.images", "flat.in", emitted, taken, discarded, waiting, 5, true};
}

using Limit = CreditLedger::Limit;

SourceCount source(std::uint32_t epochs, Limit limit = Limit::none) {
  return {"train", "stage_of_train", {}, epochs, 2, 1000, 400, 1000, limit};
}

std::vector<std::string> names(const std::vector<RunFailure>& failures) {
  std::vector<std::string> all;
  for (const RunFailure& failure : failures) all.push_back(failure.name);
  return all;
}

}  // namespace

TEST_CASE("counts that add up are no failure", "[accounting]") {
  CHECK(check_edges({edge(10, 10)}, 5, false).empty());
  CHECK(check_edges({edge(10, 7, 3)}, 5, true).empty());
  CHECK(check_ends({source(5)}, {}, 0, 5).empty());
}

TEST_CASE("a packet that disappeared is reported with its edge and the numbers", "[accounting]") {
  const bool stopped = GENERATE(false, true);
  const auto failures = check_edges({edge(10, 9)}, 5, stopped);
  REQUIRE(names(failures) == std::vector<std::string>{"lost-packet"});
  CHECK(failures[0].message == "edge train.images -> flat.in: 10 packets were emitted and 9 accounted for");
  CHECK(failures[0].notes.at(0) == "emitted 10, taken 9, discarded 0, waiting 0");
}

TEST_CASE("a packet that appeared from nowhere is reported too", "[accounting]") {
  CHECK(names(check_edges({edge(10, 11)}, 5, false)) == std::vector<std::string>{"lost-packet"});
}

TEST_CASE("packets that wait or were discarded are losses of a run that nobody stopped", "[accounting]") {
  const auto waiting = check_edges({edge(10, 9, 0, 1)}, 5, false);
  REQUIRE(names(waiting) == std::vector<std::string>{"lost-packet"});
  CHECK_THAT(waiting[0].message, ContainsSubstring("1 packet waits for a partner"));
  const auto discarded = check_edges({edge(10, 9, 1)}, 5, false);
  REQUIRE(names(discarded) == std::vector<std::string>{"lost-packet"});
  CHECK_THAT(discarded[0].message, ContainsSubstring("1 packet was discarded"));
}

TEST_CASE("a port that missed the end of an epoch is reported, unless it carries no rows", "[accounting]") {
  EdgeCount short_one = edge(10, 10);
  short_one.epochs_ended = 4;
  CHECK(names(check_edges({short_one}, 5, false)) == std::vector<std::string>{"lost-packet"});
  short_one.carries_rows = false;
  CHECK(check_edges({short_one}, 5, false).empty());
}

TEST_CASE("a source that its bytes keep from going on is named with the limit, and who holds its blocks",
          "[accounting]") {
  REQUIRE(is_unfinished({source(3)}, 5));
  const auto failures = check_ends({source(3, Limit::bytes)}, {{"batches", "batcher", {}, 2}}, 0, 5);
  REQUIRE(names(failures) == std::vector<std::string>{"unfinished-epoch"});
  CHECK(failures[0].node == "train");
  CHECK(failures[0].stage == "stage_of_train");
  CHECK_THAT(failures[0].message, ContainsSubstring("source `train` finished 3 of 5 epochs"));
  CHECK_THAT(failures[0].message, ContainsSubstring("limit of bytes"));
  CHECK_THAT(failures[0].help, ContainsSubstring("bytes: 1000") && ContainsSubstring("400 or more"));
  CHECK(failures[0].notes == std::vector<std::string>{"node `batches` kept 2 blocks or epochs"});
}

TEST_CASE("a limit of bytes is quoted as it was written, though batches behind it got more", "[accounting]") {
  SourceCount widened = source(3, Limit::bytes);
  widened.declared_bytes = 250;
  const auto failures = check_ends({widened}, {}, 0, 5);
  REQUIRE(failures.size() == 1);
  CHECK_THAT(failures[0].help, ContainsSubstring("`run: {bytes: 250}` of `train` by 1150 or more"));
}

TEST_CASE("of a source and of those that wait for it only the cause is told", "[accounting]") {
  SourceCount waiting = source(3, Limit::blocks);
  waiting.node = "valid";
  const auto failures = check_ends({waiting, source(3, Limit::bytes)}, {}, 0, 5);
  REQUIRE(names(failures) == std::vector<std::string>{"unfinished-epoch"});
  CHECK(failures[0].node == "train");
}

TEST_CASE("who keeps an epoch is the cause of the epochs that cannot begin", "[accounting]") {
  const auto failures = check_ends({source(3, Limit::epoch)}, {{"keeper", "stage_of_keeper", {}, 1}}, 0, 5);
  REQUIRE(names(failures) == std::vector<std::string>{"kept-packet"});
  CHECK(failures[0].node == "keeper");
  CHECK(failures[0].stage == "stage_of_keeper");
  CHECK(names(check_ends({source(3, Limit::epoch)}, {}, 1, 5)) == std::vector<std::string>{"kept-packet"});
  CHECK(names(check_ends({source(3, Limit::epoch)}, {}, 0, 5)) == std::vector<std::string>{"unfinished-epoch"});
}

TEST_CASE("a run that was cut short owes no ends of epochs", "[accounting]") {
  EdgeCount short_one = edge(10, 9, 0, 1);
  short_one.epochs_ended = 4;
  CHECK(check_edges({short_one}, 5, true).empty());
}
