// Stages on one rank of two, with another rank that only pretends.
#include "catch.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <numeric>

using namespace millrace;
using namespace millrace::testing;
using Map = ParamValue::Map;
using List = ParamValue::List;

namespace {

class Done final : public PendingSum {
 public:
  void wait() override {}
};

/// Rank 0 of two. The other one adds nothing to sums of floats, and gathers give what it is told to have.
class PretendedPeer final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 2; }
  std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float>) override { return std::make_unique<Done>(); }
  void exchange(int, std::span<const float>, std::span<float> theirs) override {
    require_not_stopped();
    std::fill(theirs.begin(), theirs.end(), 0.0F);
  }
  std::vector<std::byte> all_gather(std::span<const std::byte> mine) override {
    require_not_stopped();
    std::vector<std::byte> all(mine.begin(), mine.end());
    all.insert(all.end(), mine.begin(), mine.end());
    if (has_fewer_batches) all.resize(all.size() - sizeof(BatchSums));
    // Digests are text, sums are doubles.
    if (mine.size() == 64 && has_other_weights)
      all.back() = all.back() == std::byte{'0'} ? std::byte{'1'} : std::byte{'0'};
    return all;
  }
  int requested_stop() const override { return wish; }
  void on_stop_agreed(int signal) override { agreed = signal; }

  bool has_other_weights = false, has_fewer_batches = false;
  int wish = 0, agreed = 0;

 private:
  // As over MPI, a stop cancels what the ranks say to each other after it.
  void require_not_stopped() const {
    if (agreed != 0) throw Error(ErrorKind::run, "canceled", "the run is being stopped");
  }
};

Packet rows_at(std::int64_t rows, std::uint64_t first, bool last) {
  const std::vector<float> values(static_cast<std::size_t>(rows), 1.0F);
  Packet packet;
  packet.header = {0, 1, first, last};
  packet.rows = rows;
  auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows));
  std::iota(ids->begin(), ids->end(), first);
  packet.ids = ids;
  packet.fields = {{"inputs", testing::rows<float>({1}, values)}, {"targets", testing::rows<float>({1}, values)}};
  return packet;
}

PortSpec batches_of_eight() {
  PortSpec spec;
  spec.fields = {{"inputs", {DType::f32, {1}, {}, {}, {}}}, {"targets", {DType::f32, {1}, {}, {}, {}}}};
  spec.rows_per_epoch = 16;
  spec.max_rows = 8;
  return spec;
}

Packet model_of_a_line() {
  LayerSpec layer;
  layer.inputs = layer.outputs = 1;
  layer.use_bias = false;
  layer.bias_offset = 1;
  Packet packet;
  packet.header = {0, 1, 0, true};
  packet.model = std::make_shared<const ModelSnapshot>(std::make_shared<const ModelSpec>(ModelSpec{1, {layer}}),
                                                       Loss::mse, 1, std::vector<float>{1});
  return packet;
}

Map trainer() {
  return {{"model", List{Map{{"dense", Map{{"units", std::int64_t{1}}, {"activation", "linear"}}}}}}, {"loss", "mse"}};
}

template <class Body>
std::string name_of_error(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.name();
  }
  return "none";
}

}  // namespace

TEST_CASE("weights that differ between ranks at the end of an epoch are an error") {
  for (const bool differ : {false, true}) {
    PretendedPeer peer;
    peer.has_other_weights = differ;
    StageTester tester("trainer", trainer());
    tester.ranks(peer, {0, 2, 8}).input("in", batches_of_eight());
    tester.push("in", rows_at(4, 0, false));
    CHECK(name_of_error([&] { tester.push("in", rows_at(4, 8, true)); }) == (differ ? "ranks-differ" : "none"));
  }
}

TEST_CASE("a trainer refuses rows that are not its part of the batch") {
  const auto [rows, first] =
      GENERATE(std::pair<std::int64_t, std::uint64_t>{3, 0}, std::pair<std::int64_t, std::uint64_t>{4, 4},
               std::pair<std::int64_t, std::uint64_t>{8, 0});
  PretendedPeer peer;
  StageTester tester("trainer", trainer());
  tester.ranks(peer, {0, 2, 8}).input("in", batches_of_eight());
  CHECK(name_of_error([&, n = rows, at = first] { tester.push("in", rows_at(n, at, false)); }) == "rank-rows");
}

TEST_CASE("an evaluator refuses rows that are not its part of the batch, also where its part is none") {
  const Reduction reduction = GENERATE(Reduction::fast, Reduction::ordered);
  const auto [rows, first] =
      GENERATE(std::pair<std::int64_t, std::uint64_t>{4, 0}, std::pair<std::int64_t, std::uint64_t>{3, 0},
               std::pair<std::int64_t, std::uint64_t>{0, 0}, std::pair<std::int64_t, std::uint64_t>{4, 4},
               std::pair<std::int64_t, std::uint64_t>{8, 0});
  PretendedPeer peer;
  StageTester tester("evaluator");
  PortSpec model = PortSpec::of_kind(PortKind::model);
  model.reduction = reduction;
  tester.ranks(peer, {0, 2, 8}).input("data", batches_of_eight()).input("model", model);
  tester.push("model", model_of_a_line());
  CHECK(name_of_error([&, n = rows, at = first] { tester.push("data", rows_at(n, at, false)); }) ==
        (rows == 4 && first == 0 ? "none" : "rank-rows"));
}

TEST_CASE("sums of an epoch are refused where a rank has measured other batches") {
  const Reduction reduction = GENERATE(Reduction::fast, Reduction::ordered);
  PretendedPeer peer;
  const std::vector<BatchSums> batches(3);
  CHECK(name_of_error([&] { sum_over_ranks(peer, batches, reduction); }) == "none");
  peer.has_fewer_batches = true;
  CHECK(name_of_error([&] { sum_over_ranks(peer, batches, reduction); }) == "rank-batches");
}

TEST_CASE("a stop in the last batch of an epoch keeps the epoch, and comes after it") {
  const std::string reduction = GENERATE("fast", "ordered");
  PretendedPeer peer;
  Map params = trainer();
  params.emplace_back("reduction", reduction);
  StageTester tester("trainer", params);
  tester.ranks(peer, {0, 2, 8}).input("in", batches_of_eight());
  tester.push("in", rows_at(4, 0, false));
  peer.wish = SIGINT;
  tester.push("in", rows_at(4, 8, true));
  CHECK(tester.pop("metrics").metrics->find("loss"));
  CHECK(tester.pop("model").model->epoch() == 1);
  CHECK(peer.agreed == SIGINT);
}

TEST_CASE("a stop in any other batch takes effect with it") {
  PretendedPeer peer;
  peer.wish = SIGTERM;
  StageTester tester("trainer", trainer());
  tester.ranks(peer, {0, 2, 8}).input("in", batches_of_eight());
  tester.push("in", rows_at(4, 0, false));
  CHECK(peer.agreed == SIGTERM);
}

TEST_CASE("the parts of a batch are the same on 1, 2 and 4 ranks") {
  for (const std::int64_t rows : {0, 1, 3, 7, 32, 601}) {
    const std::vector<std::int64_t> whole = RowShare{0, 1, rows}.ordered_parts(rows);
    CHECK(std::ssize(whole) == RowShare::kOrderedParts);
    for (const int size : {2, 4}) {
      std::vector<std::int64_t> all;
      for (int rank = 0; rank < size; ++rank) {
        const RowShare share{rank, size, rows};
        const std::vector<std::int64_t> own = share.ordered_parts(rows);
        CHECK(std::accumulate(own.begin(), own.end(), std::int64_t{0}) == share.part_rows(rows));
        all.insert(all.end(), own.begin(), own.end());
      }
      CHECK(all == whole);
    }
  }
}

TEST_CASE("sums over ranks are taken in rank order") {
  PretendedPeer peer;
  double values[] = {1.5, -2};
  all_reduce_sum_in_rank_order(peer, values);
  CHECK(values[0] == 3);
  CHECK(values[1] == -4);
}
