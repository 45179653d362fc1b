// Runs whose budgets are too small for what is downstream: they go on, and say so.
#include "catch.hpp"
#include "test_stages.hpp"

#include <algorithm>

using namespace millrace;
using namespace millrace::testing;

namespace {

/// Passes on the rows that are multiples of `share`, and the end of each epoch, in packets of their own.
std::function<void(SerialContext&)> keep_every(std::int32_t share) {
  return [share](SerialContext& ctx) {
    const Packet& in = ctx.input();
    auto ids = std::make_shared<std::vector<std::uint64_t>>();
    for (const std::int32_t value : in.tensor().stored<std::int32_t>())
      if (value % share == 0) ids->push_back(static_cast<std::uint64_t>(value));
    OutTensor out = ctx.allocate(number_spec(), static_cast<std::int64_t>(ids->size()));
    std::copy(ids->begin(), ids->end(), out.values<std::int32_t>().begin());
    ctx.emit("out", OutputPacket::tensor(std::move(out).freeze(), ids, in.header.first_row, in.header.last_in_epoch));
  };
}

/// Blocks of 4 rows, of which one in `share` reaches batches of 8: 8 * share rows must be alive, 2 * share blocks.
RunReport run_filtered(int threads, std::int32_t share, Seen& seen, std::size_t bytes = 0) {
  TestGraph graph(3, threads);
  ValidatedNode& src = graph.source("src", 400, 4);
  src.budget_blocks = 3;
  src.budget_bytes = bytes;
  src.declared_bytes = bytes / 2;
  graph.serial("filter", "src", keep_every(share));
  auto& batches = graph.add("batches", std::make_unique<TestBatcher>(8), {{"in", "filter"}}, {{"out", numbers(8)}});
  batches.accumulates_rows = 8;
  graph.sink("end", "batches", seen);
  return graph.run();
}

std::vector<std::int32_t> multiples(std::int32_t share) {
  std::vector<std::int32_t> rows = expected_rows(400, 3);
  rows.erase(std::remove_if(rows.begin(), rows.end(), [&](std::int32_t row) { return row % share != 0; }), rows.end());
  return rows;
}

}  // namespace

TEST_CASE("rows that a stage drops widen the source's budget, the same on any number of threads", "[starving]") {
  const int threads = GENERATE(1, 2, 4, 8);
  const std::int32_t share = GENERATE(2, 5, 16);
  Seen seen;
  const RunReport report = run_filtered(threads, share, seen);
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(report.exit_code == 0);
  CHECK(seen.rows == multiples(share));
  REQUIRE(report.widened.size() == 1);
  CHECK(report.widened[0].node == "src");
  CHECK(report.widened[0].planned == 3);
  CHECK(report.widened[0].blocks == 2 * share);
}

TEST_CASE("a budget that is wide enough stays as it was planned", "[starving]") {
  Seen seen;
  CHECK(run_filtered(2, 1, seen).widened.empty());
}

TEST_CASE("a limit of bytes holds, and is named with its source", "[starving]") {
  Seen seen;
  const RunReport report = run_filtered(2, 16, seen, 5 * 16);
  REQUIRE(failure_names(report) == std::vector<std::string>{"unfinished-epoch"});
  CHECK(report.failures[0].node == "src");
  CHECK(report.failures[0].stage == "stage_of_src");
  CHECK(report.failures[0].message.find("limit of bytes") != std::string::npos);
  CHECK(report.failures[0].help.find("raise `run: {bytes: 40}` of `src` by 56 or more") != std::string::npos);
  CHECK(report.exit_code == 1);
  CHECK(report.leaked_bytes == 0);
}

TEST_CASE("a stage that joins late what another source sends waits without a word of starvation", "[starving]") {
  // Nothing of `b` is let go before all of `a` has come.
  TestGraph graph(2, 2);
  graph.source("a", 200, 4);
  graph.source("b", 200, 4);
  std::size_t ends = 0, released = 0;
  graph.add("late",
            std::make_unique<FunctionSerial>([&, kept = std::make_shared<std::vector<Packet>>()](SerialContext& ctx) {
              const Packet& in = ctx.input(ctx.port());
              if (ctx.port() == "b") kept->push_back(in);
              ends += ctx.port() == "a" && in.header.last_in_epoch ? 1 : 0;
              if (ends * 50 < released + kept->size()) return;
              released += kept->size();
              kept->clear();
            }),
            {{"a", "a"}, {"b", "b"}}, {}, InputMode::independent);
  const RunReport report = graph.run();
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(released == 100);
}
