// Every allocation of a run fails once: each of these runs comes to an end and says why.
#include "catch.hpp"
#include "counted_new.hpp"
#include "test_stages.hpp"

#include <algorithm>
#include <new>

using namespace millrace;
using namespace millrace::testing;

namespace {

struct Outcome {
  std::int64_t allocations = 0;
  bool threw = false;
  RunReport report;
  std::vector<std::int32_t> rows;
};

/// Two sources, a join, batches and a hold; the `at`-th allocation of the run fails.
Outcome run_failing_at(std::int64_t at, int threads) {
  TestGraph graph(2, threads);
  Seen seen;
  graph.source("src", 12, 4, {"x", "y"}).budget_blocks = 2;
  graph.transform("a", "src.x");
  graph.transform("b", "src.y");
  graph.add("join", std::make_unique<FunctionSerial>([](SerialContext& ctx) {
              const Packet& in = ctx.input("x");
              ctx.emit("out", OutputPacket::tensor(in.tensor(), in.ids, in.header.first_row, in.header.last_in_epoch));
            }),
            {{"x", "a"}, {"y", "b"}}, {{"out", numbers()}});
  graph.add("batches", std::make_unique<TestBatcher>(5), {{"in", "join"}}, {{"out", numbers()}}).accumulates_rows = 5;
  graph.source("other", 6, 3);
  graph.add("end", sink(seen), {{"in", "batches"}, {"more", "other"}}, {}, InputMode::independent);
  Outcome outcome;
  allocations = 0;
  fails_at = at;
  try {
    outcome.report = graph.run();
  } catch (const std::bad_alloc&) {
    outcome.threw = true;
  }
  fails_at = 0;
  outcome.allocations = allocations;
  std::sort(seen.rows.begin(), seen.rows.end());
  outcome.rows = std::move(seen.rows);
  return outcome;
}

}  // namespace

TEST_CASE("a run of which one allocation fails ends, and names that alone", "[memory]") {
  const int threads = GENERATE(1, 2, 4);
  const Outcome whole = run_failing_at(0, threads);
  REQUIRE(whole.report.exit_code == 0);
  REQUIRE(whole.rows.size() == 36);
  int failed = 0;
  for (std::int64_t at = 1; at <= whole.allocations; ++at) {
    const Outcome outcome = run_failing_at(at, threads);
    if (outcome.threw) continue;
    const std::vector<std::string> names = failure_names(outcome.report);
    INFO("allocation " << at << " of " << whole.allocations << " on " << threads << " threads");
    if (names.empty()) {
      CHECK(outcome.report.exit_code == 0);
      CHECK(outcome.rows == whole.rows);
      continue;
    }
    ++failed;
    CHECK(names == std::vector<std::string>(names.size(), "out-of-memory"));
    CHECK(outcome.report.exit_code == 1);
    CHECK(outcome.report.leaked_bytes == 0);
  }
  CHECK(failed > 100);
}
