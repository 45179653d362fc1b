// Operations on several streams: each one's inputs are ordered before it, whatever runs in that order gives what the list gives, and
// several emulated ranks train one model.
#include "cuda/step/step_order.hpp"

#include "cuda/step/rank_agreement.hpp"
#include "error_of.hpp"
#include "nn/optimizer.hpp"
#include "nn_fixtures.hpp"
#include "step_emulator.hpp"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <random>

using namespace millrace;
using namespace millrace::nn_test;
using namespace millrace::cuda_test;

namespace {

const CanFuse kAll = [](const Matmul&) { return true; };
const CanFuse kNone = [](const Matmul&) { return false; };

/// A communicator of `size` ranks that only says so, and notes what it is told.
class PretendedRank final : public Communicator {
 public:
  PretendedRank(int rank, int size) : rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float>) override { return nullptr; }
  void exchange(int, std::span<const float>, std::span<float>) override {}
  std::vector<std::byte> all_gather(std::span<const std::byte>) override { return {}; }
  int requested_stop() const override { return wish; }
  void on_stop_agreed(int signal) override { agreed = signal; }
  int wish = 0, agreed = 0;

 private:
  int rank_, size_;
};

/// Memory and operations of one rank's step, run one by one.
class Rank {
 public:
  Rank(TrainSpec spec, const CanFuse& can_fuse, int rank = 0, int size = 1)
      : peers(rank, size),
        spec_(with(std::move(spec), peers)),
        optimizer_(spec_.optimizer),
        demand_(demand_of(spec_)),
        memory(demand_),
        ops(step_ops(demand_, memory.layout, memory.base(), {&spec_.inputs, &spec_.targets, spec_.weighted}, can_fuse,
                     nullptr)),
        order(order_of(ops, gradient_of(memory.layout, memory.base()))) {
    memory.layout.padded_weights.spread(initial_weights(*spec_.model, spec_.seed),
                                        memory.floats(memory.layout.weights));
    if (spec_.precision == Precision::bf16)
      Emulator().run({ToBf16{memory.at<float>(memory.layout.weights), memory.at<std::uint16_t>(memory.layout.weights16),
                             memory.layout.padded_weights.size()}});
  }

  /// `mean_rows`: of all ranks.
  void bring(const Batch& batch, std::int64_t mean_rows = 0) {
    const auto copy = [&](const Tensor& tensor, std::size_t offset) {
      if (tensor.size_bytes() > 0) std::memcpy(memory.base() + offset, tensor.bytes(), tensor.size_bytes());
    };
    copy(batch.inputs, memory.layout.raw_inputs);
    copy(batch.targets, memory.layout.raw_targets);
    if (batch.weights) copy(batch.weights, memory.layout.row_weights);
    if (!batch.ids.empty())
      std::memcpy(memory.base() + memory.layout.ids, batch.ids.data(), batch.ids.size() * sizeof(std::uint64_t));
    ++steps_;
    StepInput input{batch.inputs.rows(), steps_, batch.epoch, optimizer_.coefficients(steps_)};
    input.mean_rows = mean_rows;
    input.requested_stops = RankAgreement(peers).requested_stops();
    memory.state().input = input;
  }
  void run(std::size_t op) { Emulator().run({ops[op]}); }
  std::vector<float> weights() {
    const std::span<float> all = memory.floats(memory.layout.weights);
    return {all.begin(), all.end()};
  }

  PretendedRank peers;

 private:
  static TrainSpec with(TrainSpec spec, Communicator& peers) {
    spec.communicator = &peers;
    spec.max_batch_rows = (spec.max_batch_rows + peers.size() - 1) / peers.size();
    return spec;
  }
  TrainSpec spec_;
  nn::Optimizer optimizer_;
  StepDemand demand_;
  std::uint64_t steps_ = 0;

 public:
  EmulatedMemory memory;
  Ops ops;
  StepOrder order;
};

/// What comes before what: `before[j][i]` when i is over before j begins, by streams and waits alone.
std::vector<std::vector<bool>> precedence(const Ops& ops, const StepOrder& order) {
  std::vector<std::vector<bool>> before(ops.size(), std::vector<bool>(ops.size(), false));
  const auto follow = [&](std::size_t j, std::size_t i) {
    before[j][i] = true;
    for (std::size_t k = 0; k < i; ++k)
      if (before[i][k]) before[j][k] = true;
  };
  for (std::size_t j = 0; j < ops.size(); ++j) {
    for (std::size_t i = j; i-- > 0;)
      if (order.places[i].stream == order.places[j].stream) {
        follow(j, i);
        break;
      }
    for (const std::size_t i : order.places[j].after) follow(j, i);
  }
  return before;
}

TrainSpec wide_spec(const Batch& batch, const char* optimizer = "rmsprop") {
  return spec_of(model_of(20, {dense(33, "relu", {{"l2", 1e-3}}), dropout(0.2), dense(24, "relu"), dense(17, "tanh"),
                               dense(5, "softmax")}),
                 Loss::categorical_crossentropy, one(optimizer, {{"clip_norm", 0.5}}), batch);
}

/// The update waits for nothing but the gradient.
TrainSpec small_spec(const Batch& batch) {
  return spec_of(model_of(20, {dense(18, "relu"), dense(5, "softmax")}), Loss::categorical_crossentropy, one("adam"),
                 batch);
}

/// Rows [first, first + count) of a batch.
Batch part_of(const Batch& batch, std::int64_t first, std::int64_t count) {
  Batch part = batch_of(batch.inputs.slice(first, count), batch.targets.slice(first, count));
  part.ids.assign(batch.ids.begin() + first, batch.ids.begin() + first + count);
  part.epoch = batch.epoch;
  return part;
}

/// A step of all ranks, their sums taken where the lists say.
void step_together(std::vector<Rank*> ranks) {
  for (std::size_t i = 0; i < ranks.front()->ops.size(); ++i) {
    for (Rank* rank : ranks) rank->run(i);
    const auto* first = std::get_if<AllReduce>(&ranks.front()->ops[i]);
    for (std::int64_t k = 0; first != nullptr && k < first->count; ++k) {
      float sum = 0;
      for (Rank* rank : ranks) sum += std::get<AllReduce>(rank->ops[i]).values[k];
      for (Rank* rank : ranks) std::get<AllReduce>(rank->ops[i]).values[k] = sum;
    }
  }
}

}  // namespace

TEST_CASE("every operation's inputs are ordered before it, and the end of the chain behind everything", "[order]") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const Precision precision = GENERATE(Precision::float32, Precision::bf16);
  const int ranks = GENERATE(1, 2);
  const Batch batch = random_batch(16, 20, 5);
  const bool has_penalty = GENERATE(true, false);  // without, the host is told beside the update
  TrainSpec spec = has_penalty ? wide_spec(batch) : small_spec(batch);
  spec.precision = precision;
  Rank rank(spec, can_fuse, 0, ranks);
  const auto before = precedence(rank.ops, rank.order);
  for (std::size_t j = 0; j < rank.ops.size(); ++j)
    for (std::size_t i = 0; i < j; ++i)
      if (conflict(accesses_of(rank.ops[i]), accesses_of(rank.ops[j]))) {
        INFO("operation " << i << " before operation " << j);
        CHECK(before[j][i]);
      }
  const auto is_update = [](const Op& op) { return std::holds_alternative<Update>(op); };
  const auto end =
      static_cast<std::size_t>(std::find_if(rank.ops.begin(), rank.ops.end(), is_update) - rank.ops.begin());
  CHECK(rank.order.places[end].stream == StreamRole::chain);
  for (std::size_t i = 0; i < rank.ops.size(); ++i)
    CHECK((i == end || before[end][i] || std::count(rank.order.joins.begin(), rank.order.joins.end(), i) > 0));
  if (!has_penalty && ranks == 1)
    CHECK_FALSE(before[rank.ops.size() - 1][end]);  // the words for the host wait for no update
  for (const StepOrder::Place& place : rank.order.places)
    for (const std::size_t i : place.after) CHECK(rank.order.places[i].stream != place.stream);
}

TEST_CASE("gradients of weights run beside the chain, and a side stream begins with a wait", "[order]") {
  const Batch batch = random_batch(16, 20, 5);
  Rank rank(wide_spec(batch), kAll);
  std::size_t beside = 0;
  bool has_begun = false;
  for (std::size_t i = 0; i < rank.ops.size(); ++i) {
    if (rank.order.places[i].stream != StreamRole::weights) continue;
    CHECK((has_begun || !rank.order.places[i].after.empty()));  // else a capture would not take it in
    has_begun = true;
    if (std::holds_alternative<Matmul>(rank.ops[i])) ++beside;
  }
  CHECK(beside == 4);
  const auto before = precedence(rank.ops, rank.order);
  std::vector<std::size_t> backward, gradients;
  for (std::size_t i = 0; i < rank.ops.size(); ++i) {
    const auto* product = std::get_if<Matmul>(&rank.ops[i]);
    if (product != nullptr && product->transpose_a) backward.push_back(i);
    if (product != nullptr && product->transpose_b) gradients.push_back(i);
  }
  REQUIRE(backward.size() == 3);
  CHECK_FALSE(before[backward.back()][gradients.front()]);  // the chain waits for no gradient
}

TEST_CASE("any order that keeps the waits gives the bits of the list", "[order]") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const Batch batch = random_batch(16, 20, 5);
  Rank in_order(wide_spec(batch, "adam"), can_fuse);
  for (int step = 0; step < 3; ++step) {
    in_order.bring(batch);
    for (std::size_t i = 0; i < in_order.ops.size(); ++i) in_order.run(i);
  }
  for (unsigned seed = 0; seed < 50; ++seed) {
    Rank shuffled(wide_spec(batch, "adam"), can_fuse);
    const auto before = precedence(shuffled.ops, shuffled.order);
    std::mt19937 random(seed);
    for (int step = 0; step < 3; ++step) {
      shuffled.bring(batch);
      std::vector<bool> done(shuffled.ops.size(), false);
      for (std::size_t count = 0; count < done.size(); ++count) {
        std::vector<std::size_t> ready;
        for (std::size_t j = 0; j < done.size(); ++j) {
          bool may = !done[j];
          for (std::size_t i = 0; may && i < j; ++i) may = !before[j][i] || done[i];
          if (may) ready.push_back(j);
        }
        const std::size_t next = ready[random() % ready.size()];
        shuffled.run(next);
        done[next] = true;
      }
    }
    REQUIRE(shuffled.weights() == in_order.weights());
  }
}

TEST_CASE("an operation reads and writes nothing but what it says", "[order]") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const Precision precision = GENERATE(Precision::float32, Precision::bf16);
  const Batch batch = random_batch(16, 20, 5);
  TrainSpec spec = wide_spec(batch, "adam");
  spec.precision = precision;
  Rank rank(spec, can_fuse, 0, 2);
  const std::size_t bytes = rank.memory.layout.workspace;
  rank.bring(part_of(batch, 0, 8), 16);
  for (std::size_t i = 0; i < rank.ops.size(); ++i) {
    CAPTURE(i, rank.ops[i].index());
    std::vector<std::byte> was(rank.memory.base(), rank.memory.base() + bytes);
    std::vector<bool> reads(bytes, false), writes(bytes, false);
    for (const Access& access : accesses_of(rank.ops[i])) {
      const auto first = static_cast<std::size_t>(static_cast<const std::byte*>(access.begin) - rank.memory.base());
      REQUIRE(first + access.bytes <= bytes);
      for (std::size_t k = first; k < first + access.bytes; ++k) {
        if (access.reads) reads[k] = true;
        if (access.writes) writes[k] = true;
      }
    }
    // Once with everything that it does not say it reads turned into rubbish, once as it is.
    for (std::size_t k = 0; k < bytes; ++k)
      if (!reads[k]) rank.memory.base()[k] = std::byte{0xA5};
    rank.run(i);
    const std::vector<std::byte> from_rubbish(rank.memory.base(), rank.memory.base() + bytes);
    std::memcpy(rank.memory.base(), was.data(), bytes);
    rank.run(i);
    for (std::size_t k = 0; k < bytes; ++k) {
      if (!writes[k]) REQUIRE(rank.memory.base()[k] == was[k]);
      if (!writes[k] && !reads[k]) REQUIRE(from_rubbish[k] == std::byte{0xA5});
      if (writes[k] && from_rubbish[k] != std::byte{0xA5} && !reads[k])
        REQUIRE(from_rubbish[k] == rank.memory.base()[k]);
      if (reads[k]) REQUIRE(from_rubbish[k] == rank.memory.base()[k]);
    }
  }
}

TEST_CASE("pieces of the gradient leave from the last layer on, and cover it and the flags once", "[ranks]") {
  const Batch batch = random_batch(4, 300, 10);
  const auto model = model_of(300, {dense(400, "relu"), dropout(0.1), dense(300, "relu"), dense(10, "softmax")});
  Rank rank(spec_of(model, Loss::categorical_crossentropy, one("sgd"), batch), kAll, 0, 2);
  const Access gradient = gradient_of(rank.memory.layout, rank.memory.base());
  const auto* begin = static_cast<const float*>(gradient.begin);
  const float* end = begin + gradient.bytes / sizeof(float);
  std::size_t pieces = 0, gradients = 0, gradients_before_the_first = 0;
  for (const Op& op : rank.ops) {
    const auto* product = std::get_if<Matmul>(&op);
    if (product != nullptr && product->transpose_b) ++gradients;
    const auto* piece = std::get_if<AllReduce>(&op);
    if (piece == nullptr) continue;
    if (pieces++ == 0) gradients_before_the_first = gradients;
    CHECK(piece->values + piece->count == end);
    end = piece->values;
  }
  CHECK(end == begin);
  CHECK(pieces == 2);
  CHECK(gradients_before_the_first == 2);  // that of the first layer is found while the first piece is under way

  const auto before = precedence(rank.ops, rank.order);
  for (std::size_t i = 0; i < rank.ops.size(); ++i) {
    const auto* piece = std::get_if<AllReduce>(&rank.ops[i]);
    if (piece == nullptr) continue;
    CHECK(rank.order.places[i].stream == StreamRole::aside);
    CHECK(before[rank.ops.size() - 1][i]);  // the update waits for the sum, the sum for its gradients
    for (std::size_t k = 0; k < i; ++k) {
      const auto* product = std::get_if<Matmul>(&rank.ops[k]);
      if (product != nullptr && product->d >= piece->values && product->d < piece->values + piece->count)
        CHECK(before[i][k]);
    }
  }
}

TEST_CASE("waiting for peers is counted from the last gradient to the last sum", "[ranks]") {
  const Batch batch = random_batch(16, 20, 5);
  Rank rank(wide_spec(batch), kAll, 0, 2);
  const auto before = precedence(rank.ops, rank.order);
  std::size_t notes = 0;
  for (std::size_t i = 0; i < rank.ops.size(); ++i) {
    const auto* timestamp = std::get_if<RecordTimestamp>(&rank.ops[i]);
    if (timestamp == nullptr) continue;
    ++notes;
    const bool is_last = timestamp->moment == RecordTimestamp::Moment::ranks_are_summed;
    const StreamRole own = rank.order.places[i].stream;
    CHECK(own ==
          (timestamp->moment == RecordTimestamp::Moment::weights_are_ready ? StreamRole::weights : StreamRole::chain));
    std::size_t last_sum = 0;
    for (std::size_t k = 0; k < i; ++k) {
      if (std::holds_alternative<AllReduce>(rank.ops[k])) last_sum = k;
      if (rank.order.places[k].stream == own) CHECK(before[i][k]);
    }
    CHECK(before[i][last_sum] == is_last);
  }
  CHECK(notes == 3);
  rank.bring(part_of(batch, 0, 8), 16);
  for (std::size_t i = 0; i < rank.ops.size(); ++i) rank.run(i);
  CHECK(rank.memory.state().waited == Approx(1e-6));  // a microsecond between moments
}

TEST_CASE("ranks with parts of a batch train the model of one rank with all of it, and stay equal bit for bit",
          "[ranks]") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const Batch full = random_batch(16, 20, 5), part = random_batch(5, 20, 5), single = random_batch(1, 20, 5);
  Rank alone(wide_spec(full, "sgd"), can_fuse), first(wide_spec(full, "sgd"), can_fuse, 0, 2),
      second(wide_spec(full, "sgd"), can_fuse, 1, 2);
  for (const Batch* batch : {&full, &part, &full, &single, &full}) {  // of one row the first rank has none
    const std::int64_t rows = batch->inputs.rows(), half = rows / 2;
    alone.bring(*batch);
    first.bring(part_of(*batch, 0, half), rows);
    second.bring(part_of(*batch, half, rows - half), rows);
    step_together({&alone});
    step_together({&first, &second});
  }
  CHECK(first.weights() == second.weights());
  const std::vector<float> a = alone.weights(), b = first.weights();
  float worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, std::abs(a[i] - b[i]));
  CHECK(worst < 2e-6F);  // five steps of float32, summed in another order
  const BatchSums all = alone.memory.state().sums, one = first.memory.state().sums, two = second.memory.state().sums;
  CHECK(one.samples + two.samples == all.samples);
  CHECK(one.loss + two.loss == Catch::Approx(all.loss).epsilon(1e-5));
  CHECK(one.penalty + two.penalty == Catch::Approx(all.penalty).epsilon(1e-5));
}

TEST_CASE("a rank whose loss is not finite keeps every rank from updating, at the same step", "[ranks]") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const Batch good = random_batch(8, 3, 2);
  const Batch bad = batch_of(testing::rows<float>({3}, std::vector<float>(12, 1e38F)), part_of(good, 0, 4).targets);
  const TrainSpec spec = spec_of(model_of(3, {dense(8, "relu"), dense(2, "linear")}), Loss::mse, one("adam"), good);
  Rank first(spec, can_fuse, 0, 2), second(spec, can_fuse, 1, 2);
  first.bring(part_of(good, 0, 4), 8), second.bring(part_of(good, 4, 4), 8);
  step_together({&first, &second});
  CHECK(first.memory.state().flags == 0);
  const std::vector<float> before = first.weights();
  first.bring(part_of(good, 0, 4), 8), second.bring(bad, 8);
  step_together({&first, &second});
  for (Rank* rank : {&first, &second}) {
    CHECK(rank->memory.state().diverged_step == 2);
    CHECK(RankAgreement(rank->peers).read_flags(rank->memory.state().flags));
    CHECK(rank->weights() == before);
  }
}

TEST_CASE("a signal to one rank is heard by all, of the same step", "[ranks]") {
  const int signal = GENERATE(SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU);
  const Batch batch = random_batch(8, 20, 5);
  Rank first(wide_spec(batch), kAll, 0, 2), second(wide_spec(batch), kAll, 1, 2);
  for (int step = 1; step <= 3; ++step) {
    if (step == 2) second.peers.wish = signal;
    if (step == 3) second.peers.wish = 0;
    first.bring(part_of(batch, 0, 4), 8), second.bring(part_of(batch, 4, 4), 8);
    step_together({&first, &second});
    for (Rank* rank : {&first, &second}) {
      rank->peers.agreed = 0;
      CHECK_FALSE(RankAgreement(rank->peers).read_flags(rank->memory.state().flags));
      CHECK(rank->peers.agreed == (step == 2 ? signal : 0));
    }
  }
}
