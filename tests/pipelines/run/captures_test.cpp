// Runs whose outputs are looked at: what is told, and that the run ends in order when nobody wants more.
#include "catch.hpp"
#include "test_stages.hpp"

#include <millrace/error.hpp>

#include <algorithm>

using namespace millrace;
using namespace millrace::testing;
using pipelines::Capture;
using pipelines::CapturedPacket;

namespace {

struct Told {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> packets;  ///< epoch and number
  std::vector<std::int32_t> rows;
};

/// Tells `told`, and wants `most` packets.
Capture capture(std::string node, Told& told, std::size_t most = SIZE_MAX) {
  return {std::move(node), "out", [&told, most](const CapturedPacket& captured) {
            told.packets.emplace_back(captured.epoch, captured.number);
            const auto values = captured.packet.tensor().stored<std::int32_t>();
            told.rows.insert(told.rows.end(), values.begin(), values.end());
            return told.packets.size() < most;
          }};
}

RunOptions with(std::vector<Capture> captures) {
  RunOptions options;
  options.captures = std::move(captures);
  return options;
}

void check_in_order(const RunReport& report) {
  CHECK(failure_names(report) == std::vector<std::string>{});
  CHECK(report.exit_code == 0);
  CHECK(report.reason == "done");
  CHECK(report.leaked_bytes == 0);
  CHECK(chain_balances(report));
}

}  // namespace

TEST_CASE("a capture is told every packet of its output, with its place in the epoch", "[captures]") {
  const int threads = GENERATE(1, 4);
  TestGraph graph(2, threads);
  Seen seen;
  Told told;
  graph.source("src", 95, 10);
  graph.serial("a", "src");
  graph.graph().nodes.back().outputs.front().second.max_rows = 10;
  graph.sink("end", "a", seen);
  const RunReport report = graph.run(with({capture("a", told)}));
  check_in_order(report);
  CHECK(told.rows == expected_rows(95, 2));
  CHECK(told.rows == seen.rows);
  REQUIRE(told.packets.size() == 20);
  CHECK(told.packets[9] == std::pair<std::uint32_t, std::uint64_t>{1, 10});
  CHECK(told.packets[10] == std::pair<std::uint32_t, std::uint64_t>{2, 1});
}

TEST_CASE("an output that nobody takes can be captured", "[captures]") {
  TestGraph graph(3, 2);
  Told told;
  graph.source("src", 40, 10);
  graph.serial("a", "src");
  const RunReport report = graph.run(with({capture("a", told)}));
  check_in_order(report);
  CHECK(told.rows == expected_rows(40, 3));
}

TEST_CASE("the run ends when no capture wants more, without a failure and with every packet accounted for",
          "[captures]") {
  const int threads = GENERATE(1, 2, 8);
  TestGraph graph(1000, threads);
  Seen seen;
  Told few, more;
  graph.source("src", 1000, 10);
  graph.transform("a", "src");
  graph.serial("b", "a");
  graph.sink("end", "b", seen);
  const RunReport report = graph.run(with({capture("src", few, 3), capture("b", more, 170)}));
  check_in_order(report);
  CHECK(few.packets.size() == 3);
  CHECK(more.packets.size() == 170);
  CHECK(seen.ended.size() < 10);
  const std::vector<std::int32_t> expected = expected_rows(1000, 2);
  CHECK(std::equal(more.rows.begin(), more.rows.end(), expected.begin()));
}

TEST_CASE("behind a transform a capture is told each packet once", "[captures]") {
  TestGraph graph(1, 8);
  Told told;
  graph.source("src", 500, 5);
  graph.transform("a", "src");
  check_in_order(graph.run(with({capture("a", told)})));
  std::sort(told.rows.begin(), told.rows.end());
  CHECK(told.rows == expected_rows(500, 1));
}

TEST_CASE("what a capture throws fails the run under its own name", "[captures]") {
  TestGraph graph(1, 2);
  graph.source("src", 100, 10);
  Capture broken{"src", "out", [](const CapturedPacket&) -> bool {
                   throw Error(ErrorKind::output, "output-unwritable", "the disk is full");
                 }};
  const RunReport report = graph.run(with({std::move(broken)}));
  CHECK(failure_names(report) == std::vector<std::string>{"output-unwritable"});
  CHECK(report.exit_code == static_cast<int>(ErrorKind::output));
  CHECK(report.leaked_bytes == 0);
}

TEST_CASE("an output that the graph has not is refused before anything runs", "[captures]") {
  TestGraph graph(1, 2);
  Told told;
  graph.source("src", 100, 10);
  CHECK(failure_names(graph.run(with({capture("elsewhere", told)}))) == std::vector<std::string>{"no-such-port"});
  CHECK(told.packets.empty());
}

TEST_CASE("a signal ends a run with captures as it ends any other", "[captures]") {
  TestGraph graph(1000, 2);
  std::atomic<int> signal{0};
  Told told;
  graph.source("src", 100, 10);
  RunOptions options = with({capture("src", told)});
  options.captures.front().take = [&, take = options.captures.front().take](const CapturedPacket& captured) {
    if (told.packets.size() == 20) signal = 2;
    return take(captured);
  };
  options.stop_signal = &signal;
  const RunReport report = graph.run(options);
  CHECK(report.exit_code == 130);
  CHECK(failure_names(report) == std::vector<std::string>{});
}
