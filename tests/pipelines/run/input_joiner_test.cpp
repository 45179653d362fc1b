// Order and joins of a node's inputs, without a graph.
#include "run/nodes/input_joiner.hpp"
#include "catch.hpp"

#include <millrace/error.hpp>

using namespace millrace;
using namespace millrace::pipelines;
using Catch::Matchers::ContainsSubstring;

namespace {

Packet packet(std::uint64_t seq, std::vector<std::uint64_t> ids = {}, std::uint32_t epoch = 1) {
  Packet p;
  p.header.seq = seq;
  p.header.epoch = epoch;
  p.rows = static_cast<std::int64_t>(ids.size());
  p.ids = std::make_shared<const std::vector<std::uint64_t>>(std::move(ids));
  return p;
}

std::vector<std::uint64_t> drain(InputJoiner& joiner) {
  std::vector<std::uint64_t> seqs;
  while (auto work = joiner.next()) seqs.push_back(work->inputs[work->port].header.seq);
  return seqs;
}

std::string mismatch(const Packet& a, const Packet& b) {
  try {
    require_same_samples({a, b}, {"inputs", "targets"});
  } catch (const Error& error) {
    return error.name() + ": " + error.message();
  }
  return "";
}

}  // namespace

TEST_CASE("packets leave in the order of seq, whatever the order in which they came", "[joiner]") {
  InputJoiner joiner(InputMode::joined, 1);
  joiner.add(0, packet(2));
  joiner.add(0, packet(1));
  CHECK(drain(joiner).empty());
  CHECK(joiner.waiting(0) == 2);
  joiner.add(0, packet(0));
  CHECK(drain(joiner) == std::vector<std::uint64_t>{0, 1, 2});
  joiner.add(0, packet(3));
  CHECK(drain(joiner) == std::vector<std::uint64_t>{3});
}

TEST_CASE("joined inputs wait for the packet of every port", "[joiner]") {
  InputJoiner joiner(InputMode::joined, 2);
  joiner.add(0, packet(0));
  joiner.add(0, packet(1));
  joiner.add(1, packet(1));
  CHECK_FALSE(joiner.next());
  joiner.add(1, packet(0));
  const auto first = joiner.next(), second = joiner.next();
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->inputs[0].header.seq == 0);
  CHECK(first->inputs[1].header.seq == 0);
  CHECK(second->inputs[1].header.seq == 1);
  CHECK_FALSE(joiner.next());
}

TEST_CASE("independent inputs do not wait for each other", "[joiner]") {
  InputJoiner joiner(InputMode::independent, 2);
  joiner.add(1, packet(0));
  const auto work = joiner.next();
  REQUIRE(work);
  CHECK(work->port == 1);
  CHECK(work->inputs.size() == 2);
  CHECK(work->inputs[1].header.seq == 0);
  joiner.add(0, packet(1));
  CHECK_FALSE(joiner.next());
  joiner.add(0, packet(0));
  CHECK(drain(joiner) == std::vector<std::uint64_t>{0, 1});
}

TEST_CASE("held packets come behind what they wait for, epoch by epoch", "[joiner]") {
  StageDescriptor spec;
  spec.input("data", RecordType::any()).input("model", PortType::model("the weights")).waits_for("data", "model");
  InputJoiner joiner(InputMode::independent, 2, WaitOrder(spec, {"data", "model"}));
  const auto give = [&](std::size_t port, std::uint64_t seq, std::uint32_t epoch, bool last) {
    Packet p = packet(seq, {}, epoch);
    p.header.last_in_epoch = last;
    joiner.add(port, std::move(p));
  };
  const auto next = [&] {
    const auto work = joiner.next();
    return work ? std::pair(work->port, work->inputs[work->port].header.epoch) : std::pair(std::size_t{9}, 0U);
  };
  const auto none = std::pair(std::size_t{9}, 0U);
  give(0, 0, 1, false);
  give(0, 1, 1, true);
  give(0, 2, 2, true);
  CHECK(next() == none);
  give(1, 0, 1, true);
  give(1, 1, 2, true);
  CHECK(next() == std::pair(std::size_t{1}, 1U));
  CHECK(next() == std::pair(std::size_t{0}, 1U));
  CHECK(next() == std::pair(std::size_t{0}, 1U));
  CHECK(next() == std::pair(std::size_t{1}, 2U));
  CHECK(next() == std::pair(std::size_t{0}, 2U));
  CHECK(next() == none);
}

TEST_CASE("what waits for rows waits for the last of their epoch", "[joiner]") {
  StageDescriptor spec;
  spec.input("data", RecordType::any()).input("means", RecordType::any()).waits_for("data", "means");
  WaitOrder order(spec, {"data", "means"});
  CHECK_FALSE(order.may_take(0, {0, 1, 0, false}));
  order.taken(1, {0, 1, 0, false});
  CHECK_FALSE(order.may_take(0, {0, 1, 0, false}));
  CHECK(order.may_take(1, {1, 1, 0, true}));
  order.taken(1, {1, 1, 0, true});
  CHECK(order.may_take(0, {0, 1, 0, false}));
  CHECK_FALSE(order.may_take(1, {2, 2, 0, true}));
}

TEST_CASE("clearing takes out everything that waits", "[joiner]") {
  InputJoiner joiner(InputMode::joined, 2);
  joiner.add(0, packet(0));
  joiner.add(0, packet(3));
  joiner.add(1, packet(7));
  CHECK(joiner.clear().size() == 3);
  CHECK(joiner.waiting(0) == 0);
  CHECK(joiner.waiting(1) == 0);
}

TEST_CASE("joined packets of other samples are refused at the first difference", "[joiner]") {
  CHECK(mismatch(packet(0, {1, 2, 3}), packet(0, {1, 2, 3})).empty());
  CHECK_THAT(
      mismatch(packet(4, {1, 2, 3}), packet(4, {1, 9, 8})),
      ContainsSubstring("join-mismatch: packet 4 of ports `inputs` and `targets`: row 1 is sample 2 beside sample 9"));
  CHECK_THAT(mismatch(packet(0, {1, 2}), packet(0, {1, 2, 3})), ContainsSubstring("2 rows beside 3 rows"));
  CHECK_THAT(mismatch(packet(0, {1}, 1), packet(0, {1}, 2)), ContainsSubstring("epoch 1 beside epoch 2"));
}
