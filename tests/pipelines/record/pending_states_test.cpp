// Which states make a state of the whole run: only such as another run can go on from to the same bits.
#include "record/checkpoints/pending_states.hpp"
#include "catch.hpp"

#include <cstddef>
#include <string>
#include <vector>

using namespace millrace;
using namespace millrace::pipelines;

namespace {

const PendingStates::Node kTrainer{"learn", true}, kSecond{"other", true}, kCounter{"count", false};

NodeState end_of(const std::string& node, std::uint32_t epoch) { return {node, {epoch, 4, 10, true}, {}}; }
NodeState behind(const std::string& node, std::uint32_t epoch, std::uint64_t batch) {
  return {node, {epoch, batch, 3 * batch, false}, {}};
}

/// "3+" for the end of epoch 3, "3.2" behind batch 2 of it; "-" for none.
std::string place(const std::optional<RunStates>& run) {
  if (!run) return "-";
  const CheckpointPosition& at = run->position;
  return std::to_string(at.epoch) + (at.is_epoch_complete ? "+" : "." + std::to_string(at.batch));
}

}  // namespace

TEST_CASE("the end of an epoch counts when it has been told", "[record]") {
  PendingStates states({kTrainer}, 1);
  CHECK(place(states.next()) == "-");
  states.take(end_of("learn", 1));
  CHECK(place(states.next()) == "-");
  states.told(1);
  CHECK(place(states.next()) == "1+");
  CHECK(place(states.next()) == "-");
}

TEST_CASE("the trainer may be an epoch ahead of what is told", "[record]") {
  PendingStates states({kTrainer}, 1);
  states.take(end_of("learn", 1));
  states.take(behind("learn", 2, 1));
  CHECK(place(states.next()) == "-");
  states.take(end_of("learn", 2));
  states.told(1);
  CHECK(place(states.next()) == "1+");
  states.told(2);
  CHECK(place(states.next()) == "2+");
}

TEST_CASE("a trainer that waits for another is there whole for each of that one's states", "[record]") {
  PendingStates states({kTrainer, kSecond}, 1);
  NodeState ahead = behind("learn", 1, 5);
  ahead.state.put("weights", std::vector<std::byte>(4));
  states.take(ahead);
  for (const std::uint64_t batch : {1U, 2U, 3U}) {
    states.take(behind("other", 1, batch));
    const auto run = states.next();
    REQUIRE(run);
    CHECK(place(run) == "1." + std::to_string(batch));
    REQUIRE(run->nodes.size() == 2);
    CHECK(run->nodes.front().node == "learn");
    CHECK(run->nodes.front().state.entries().size() == 1);
  }
}

TEST_CASE("in the middle of an epoch a state counts once the epoch before has been told", "[record]") {
  PendingStates states({kTrainer}, 1);
  states.take(behind("learn", 1, 2));
  CHECK(place(states.next()) == "1.2");
  states.take(end_of("learn", 1));
  states.take(behind("learn", 2, 3));
  CHECK(place(states.next()) == "-");
  states.told(1);
  CHECK(place(states.next()) == "2.3");
}

TEST_CASE("the end of the epoch that was told can be had before what is further", "[record]") {
  PendingStates states({kTrainer, kCounter}, 1);
  states.take(end_of("learn", 1));
  states.take(behind("learn", 2, 3));
  states.told(1);
  CHECK(states.last_told() == 1);
  CHECK(place(states.end()) == "-");
  states.take(end_of("count", 1));
  CHECK(place(states.end()) == "1+");
  CHECK(place(states.next()) == "2.3");
  CHECK(place(states.end()) == "-");
}

TEST_CASE("a stopped run goes on from the furthest place of which all before has been told", "[record]") {
  PendingStates states({kTrainer}, 1);
  states.take(end_of("learn", 1));
  states.told(1);
  CHECK(place(states.next()) == "1+");
  SECTION("in the epoch that runs") {
    states.take(behind("learn", 2, 3));
    CHECK(place(states.last()) == "2.3");
  }
  SECTION("at the end of an epoch that nobody has told, though the next has begun") {
    states.take(behind("learn", 2, 3));
    CHECK(place(states.next()) == "2.3");
    states.take(end_of("learn", 2));
    states.take(behind("learn", 3, 1));
    const std::optional<RunStates> run = states.last();
    CHECK(place(run) == "2.4");
    REQUIRE(run->nodes.size() == 1);
    CHECK(run->nodes[0].position.is_epoch_end);
  }
  SECTION("nowhere new") { CHECK(place(states.last()) == "-"); }
}

TEST_CASE("several trainers count together, at the place of the one behind", "[record]") {
  PendingStates states({kTrainer, kSecond}, 1);
  states.take(behind("learn", 1, 3));
  CHECK(place(states.next()) == "-");
  states.take(behind("other", 1, 2));
  CHECK(place(states.next()) == "1.2");
  states.take(end_of("learn", 1));
  states.take(behind("learn", 2, 1));
  CHECK(place(states.next()) == "-");
  CHECK(place(states.last()) == "-");  // as far as "other", and no further
  states.take(end_of("other", 1));
  CHECK(place(states.last()) == "1.4");
}

TEST_CASE("a stage that is saved at ends of epochs alone begins the running one anew", "[record]") {
  PendingStates states({kCounter, kTrainer}, 1);
  states.take(behind("learn", 1, 2));
  std::optional<RunStates> run = states.next();
  CHECK(place(run) == "1.2");
  CHECK(run->nodes.size() == 1);  // the other one has no state yet
  states.take(end_of("learn", 1));
  states.told(1);
  CHECK(place(states.next()) == "-");  // its end is missing
  states.take(behind("learn", 2, 1));
  CHECK(place(states.next()) == "-");
  states.take(end_of("count", 1));
  run = states.next();
  CHECK(place(run) == "2.1");
  REQUIRE(run->nodes.size() == 2);
  CHECK((run->nodes[0].node == "count" && run->nodes[0].position.epoch == 1));
}

TEST_CASE("a run that goes on knows what it was loaded with", "[record]") {
  PendingStates states({kCounter, kTrainer}, 3, {end_of("count", 2), behind("learn", 3, 1)});
  states.take(behind("learn", 3, 2));
  const std::optional<RunStates> run = states.next();
  CHECK(place(run) == "3.2");
  CHECK(run->nodes.size() == 2);
}

TEST_CASE("a run that goes on does not give again what it was loaded with", "[record]") {
  PendingStates states({kCounter, kTrainer}, 3, {end_of("count", 2), end_of("learn", 2)});
  CHECK(place(states.next()) == "-");
  CHECK(place(states.last()) == "-");
  states.take(behind("learn", 3, 1));
  CHECK(place(states.next()) == "3.1");
}

TEST_CASE("a run without epochs has its initial state", "[record]") {
  PendingStates states({kTrainer}, 0);
  states.take({"learn", {0, 0, 0, true}, {}});
  states.told(0);
  CHECK(place(states.next()) == "0+");
}

TEST_CASE("nothing that has a state, no state of the run", "[record]") {
  PendingStates states({}, 1);
  states.told(1);
  CHECK(place(states.next()) == "-");
  CHECK(place(states.last()) == "-");
}
