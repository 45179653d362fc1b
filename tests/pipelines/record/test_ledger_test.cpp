// The ledger of the test set: each look has its number, whoever looks at the same time and whatever a crash has left.
#include "record/ledger/test_ledger.hpp"
#include "catch.hpp"
#include "error_of.hpp"
#include "made_run.hpp"
#include "temp_folder.hpp"

#include <fstream>
#include <set>
#include <thread>

using namespace millrace;
using namespace millrace::pipelines;
using namespace millrace::testing;

namespace {

TestEntry look(const std::string& time, double loss) {
  return {0, time, "attempts/1/checkpoints/epoch-0003.safetensors",
          3, "ab", {{"test_accuracy", 0.5}, {"test_loss", loss}}};
}

}  // namespace

TEST_CASE("a look at the test set is an entry with the next number", "[test_ledger]") {
  const TempFolder temp;
  CHECK(read_test_ledger(temp.path()).entries.empty());
  CHECK(consulted_text({}).empty());
  const auto once = add_to_test_ledger(temp.path(), look("2026-01-02T03:04:05.000Z", 0.1));
  REQUIRE(once.size() == 1);
  CHECK(once.front().number == 1);
  CHECK(once.front().epoch == 3);
  CHECK(once.front().weights_sha256 == "ab");
  CHECK(once.front().values == std::vector<std::pair<std::string, double>>{{"test_loss", 0.1}, {"test_accuracy", 0.5}});
  CHECK(consulted_text(once) == "consulted once: 2026-01-02T03:04:05.000Z");
  const auto twice = add_to_test_ledger(temp.path(), look("2026-01-03T03:04:05.000Z", 0.1));
  REQUIRE(twice.size() == 2);
  CHECK(twice.back().number == 2);
  CHECK(consulted_text(twice) == "consulted 2 times: 2026-01-02T03:04:05.000Z, 2026-01-03T03:04:05.000Z");
}

TEST_CASE("a torn tail of the ledger is left out, and cut before the next entry", "[test_ledger]") {
  const TempFolder temp;
  add_to_test_ledger(temp.path(), look("first", 0.1));
  std::ofstream(temp.path() + "/test_ledger.jsonl", std::ios::app) << R"({"v":1,"attempt":0,"epoch":0,"ba)";
  CHECK(read_test_ledger(temp.path()).entries.size() == 1);
  const auto all = add_to_test_ledger(temp.path(), look("second", 0.2));
  REQUIRE(all.size() == 2);
  CHECK(all.back().number == 2);
  CHECK(all.back().time == "second");
}

TEST_CASE("a look behind one that cannot be read is counted, and none is added or taken away", "[test_ledger]") {
  const TempFolder temp;
  const std::string path = temp.path() + "/test_ledger.jsonl";
  for (const char* time : {"first", "second", "third"}) add_to_test_ledger(temp.path(), look(time, 0.1));
  std::string text = text_of(path);
  text.at(text.find("second") - 8) = '~';
  std::ofstream(path) << text;
  const TestLedger ledger = read_test_ledger(temp.path());
  REQUIRE(ledger.entries.size() == 2);
  CHECK(ledger.entries.back().time == "third");
  CHECK(damage_text(temp.path(), ledger).find("line 2 is none, and 1 whole line stands behind it") !=
        std::string::npos);
  CHECK(error_of([&] { whole_test_ledger(temp.path()); }).name() == "journal-damaged");
  CHECK(error_of([&] { add_to_test_ledger(temp.path(), look("fourth", 0.1)); }).name() == "journal-damaged");
  CHECK(text_of(path) == text);
}

TEST_CASE("two who look at once get an entry each", "[test_ledger]") {
  constexpr int kLooks = 8;
  const TempFolder temp;
  std::vector<std::thread> threads;
  for (int i = 0; i < kLooks; ++i)
    threads.emplace_back([&, i] { add_to_test_ledger(temp.path(), look(std::to_string(i), i)); });
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> times;
  std::int64_t number = 0;
  for (const TestEntry& entry : read_test_ledger(temp.path()).entries) {
    CHECK(entry.number == ++number);
    times.insert(entry.time);
  }
  CHECK(times.size() == kLooks);
}

TEST_CASE("of many looks the last are told by their times", "[test_ledger]") {
  std::vector<TestEntry> entries(7);
  for (std::size_t i = 0; i < entries.size(); ++i) entries[i].time = std::to_string(i);
  CHECK(consulted_text(entries) == "consulted 7 times: ..., 2, 3, 4, 5, 6");
}
