// Training steps whose gradients are summed over ranks, with threads of this process as ranks.
#include "nn/rank_flags.hpp"
#include "nn_fixtures.hpp"

#include <algorithm>
#include <array>
#include <barrier>
#include <cmath>
#include <csignal>
#include <cstring>
#include <set>
#include <span>
#include <thread>

using namespace millrace;
using namespace millrace::nn_test;

namespace {

/// What the ranks of one group share.
struct Group {
  explicit Group(int n) : size(n), meet(n), floats(static_cast<std::size_t>(n)), bytes(static_cast<std::size_t>(n)) {}
  int size;
  std::barrier<> meet;
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<std::byte>> bytes;
};

class Done final : public PendingSum {
 public:
  void wait() override {}
};

class ThreadCommunicator final : public Communicator {
 public:
  ThreadCommunicator(Group& group, int rank) : group_(group), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return group_.size; }
  std::unique_ptr<PendingSum> begin_all_reduce_sum(std::span<float> values) override {
    publish(values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = 0;
      for (const auto& theirs : group_.floats) values[i] += theirs[i];
    }
    group_.meet.arrive_and_wait();
    return std::make_unique<Done>();
  }
  void exchange(int peer, std::span<const float> mine, std::span<float> theirs) override {
    publish(mine);
    const auto& other = group_.floats[static_cast<std::size_t>(peer)];
    std::copy(other.begin(), other.end(), theirs.begin());
    group_.meet.arrive_and_wait();
  }
  std::vector<std::byte> all_gather(std::span<const std::byte> mine) override { return {mine.begin(), mine.end()}; }
  int requested_stop() const override { return wish; }
  void on_stop_agreed(int signal) override { agreed = signal; }
  int wish = 0, agreed = 0;

 private:
  void publish(std::span<const float> mine) {
    group_.floats[static_cast<std::size_t>(rank_)].assign(mine.begin(), mine.end());
    group_.meet.arrive_and_wait();
  }
  Group& group_;
  int rank_;
};

std::shared_ptr<const ModelSpec> model() {
  return model_of(70, {dense(130, "relu", {{"l2", 1e-4}}), dropout(0.2), dense(90, "tanh"), dense(10, "softmax")});
}

/// Large enough for its gradient to leave in two pieces.
std::shared_ptr<const ModelSpec> large_model() {
  return model_of(70, {dense(600, "relu"), dense(120, "tanh"), dense(10, "softmax")});
}

/// Rows [first, first + rows) of a batch.
Batch part_of(const Batch& whole, std::int64_t first, std::int64_t rows) {
  const std::span<const float> x = whole.inputs.f32(), y = whole.targets.f32();
  const auto rows_of = [&](std::span<const float> all, std::int64_t width) {
    const auto part = all.subspan(static_cast<std::size_t>(first * width), static_cast<std::size_t>(rows * width));
    return testing::rows<float>({width}, {part.begin(), part.end()});
  };
  Batch part = batch_of(rows_of(x, 70), rows_of(y, 10));
  for (std::size_t i = 0; i < part.ids.size(); ++i) part.ids[i] += static_cast<std::uint64_t>(first);
  return part;
}

struct Outcome {
  std::vector<float> weights;
  std::string hash;
  std::optional<double> deviation;
  std::vector<int> agreed;  ///< after each step, the signal that all have agreed to stop for
};

/// What the last rank gets after its first step, and whether the three steps are each the last of an epoch.
struct Signals {
  int to_last_rank = 0;
  bool at_end_of_epoch = true;
};

/// Three steps on the same batch, on `size` ranks; the outcome of each.
std::vector<Outcome> train_on(int size, Reduction reduction, const Batch& whole, const Signals& signals = {},
                              const std::shared_ptr<const ModelSpec>& trained = model()) {
  Group group(size);
  std::vector<Outcome> outcomes(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  const std::int64_t rows = whole.inputs.rows();
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      const std::unique_ptr<Device> device = open_device({"cpu", 0});
      ThreadCommunicator communicator(group, rank);
      const std::int64_t first = rows * rank / size;
      const Batch mine = part_of(whole, first, rows * (rank + 1) / size - first);
      TrainSpec spec = spec_of(trained, Loss::categorical_crossentropy, one("adam", {{"clip_norm", 0.5}}), whole);
      spec.reduction = reduction;
      spec.communicator = &communicator;
      const auto step = make_train_step(*device, spec);
      TrainBatch batch = mine.view();
      batch.rows_over_ranks = rows;
      batch.last_in_epoch = signals.at_end_of_epoch;
      std::vector<int> agreed;
      for (int i = 0; i < 3; ++i) {
        step->train(batch);
        agreed.push_back(communicator.agreed);
        if (rank + 1 == size) communicator.wish = signals.to_last_rank;
      }
      outcomes[static_cast<std::size_t>(rank)] = {weights_of(*step), step->snapshot(1)->weights_sha256(),
                                                  step->reduction_deviation(), agreed};
    });
  }
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

Batch dense_batch(std::int64_t rows) {
  const Tensor ids = class_ids(rows, 10);
  const std::span<const float> targets = ids.f32();
  return batch_of(testing::rows<float>({70}, uniform_values(rows * 70, "inputs", -1, 1)),
                  testing::rows<float>({10}, {targets.begin(), targets.end()}));
}

std::vector<float> trained_weights(const TrainSpec& spec, const Batch& batch) {
  const auto step = make_train_step(cpu(), spec);
  for (int i = 0; i < 3; ++i) step->train(batch.view());
  return weights_of(*step);
}

double worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
  return worst;
}

/// Inputs with columns of zeros: 20 in all rows, and others in each half of the rows.
Batch bordered_batch(std::int64_t rows) {
  std::vector<float> values = uniform_values(rows * 70, "bordered", -1, 1);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t j = 0; j < 70; ++j)
      if (j < 10 || j >= 60 || (j % 5 == 0) == (row < rows / 2)) values[static_cast<std::size_t>(row * 70 + j)] = 0;
  const Tensor ids = class_ids(rows, 10);
  const std::span<const float> targets = ids.f32();
  return batch_of(testing::rows<float>({70}, std::move(values)),
                  testing::rows<float>({10}, {targets.begin(), targets.end()}));
}

}  // namespace

TEST_CASE("ordered: one hash on 1, 2 and 4 ranks, also where ranks have no row") {
  const std::int64_t rows = GENERATE(1, 2, 3, 7, 32, 130, 601);
  CAPTURE(rows);
  const Batch batch = dense_batch(rows);
  std::set<std::string> hashes;
  for (const int size : {1, 2, 4})
    for (const Outcome& outcome : train_on(size, Reduction::ordered, batch)) hashes.insert(outcome.hash);
  CHECK(hashes.size() == 1);
}

TEST_CASE("ordered: columns of zeros are left out of each part by itself, to one hash on 1, 2 and 4 ranks") {
  const std::int64_t rows = GENERATE(3, 32, 258);  // parts of 64 rows and more leave columns out
  CAPTURE(rows);
  const Batch batch = bordered_batch(rows);
  std::set<std::string> hashes;
  for (const int size : {1, 2, 4})
    for (const Outcome& outcome : train_on(size, Reduction::ordered, batch, {}, large_model()))
      hashes.insert(outcome.hash);
  CHECK(hashes.size() == 1);
}

TEST_CASE("ranks that leave columns of zeros out train the model of one that does not") {
  const Batch batch = bordered_batch(GENERATE(40, 258));
  TrainSpec spec = spec_of(large_model(), Loss::categorical_crossentropy, one("adam", {{"clip_norm", 0.5}}), batch);
  const std::vector<float> expected = trained_weights(spec, batch);
  for (const Reduction reduction : {Reduction::fast, Reduction::ordered})
    for (const int size : {2, 4})
      for (const Outcome& outcome : train_on(size, reduction, batch, {}, large_model()))
        CHECK(worst_difference(outcome.weights, expected) < 1e-5);  // three steps of adam, 1e-3 each, in float32
}

TEST_CASE("fast: every rank has the same weights, and says how far its gradient is from the ordered one") {
  const int size = GENERATE(2, 3, 4);
  const Batch batch = dense_batch(35);
  const auto trained = GENERATE(as<bool>{}, false, true) ? large_model() : model();
  std::set<std::string> hashes;
  for (const Outcome& outcome : train_on(size, Reduction::fast, batch, {}, trained)) {
    hashes.insert(outcome.hash);
    CHECK(outcome.deviation.has_value() == (size != 3));
    // Sums of some ten values of float32 in two orders; a row too many or too few would give 1e-2.
    if (outcome.deviation) CHECK((*outcome.deviation >= 0 && *outcome.deviation < 1e-5));
  }
  CHECK(hashes.size() == 1);
}

TEST_CASE("a signal that one rank has got is agreed on by all, after the same batch") {
  const int signal = GENERATE(SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU);
  for (const Reduction reduction : {Reduction::fast, Reduction::ordered})
    for (const Outcome& outcome : train_on(4, reduction, dense_batch(9), {signal, false}))
      CHECK(outcome.agreed == std::vector<int>{0, signal, signal});
}

TEST_CASE("signals that share a flag are told apart, on however many ranks") {
  const auto summed = [](int ranks, int signal, int last) {
    std::array<float, nn::kFlags> sum{}, own{};
    for (int rank = 0; rank < ranks; ++rank) {
      nn::set_rank_flags(nn::stop_bit(rank + 1 == ranks ? last : signal), true, own.data());
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += own[i];
    }
    return nn::bits_of_flags(sum.data());
  };
  for (const int ranks : {1, 2, 3, 5000}) {
    CHECK(summed(ranks, 0, 0) == 0);
    for (const int signal : kStopSignals) {
      CHECK(nn::stop_signal(summed(ranks, signal, signal)) == signal);
      CHECK(nn::stop_signal(summed(ranks, 0, signal)) == signal);
      for (const int last : kStopSignals) {
        const int told = nn::stop_signal(summed(ranks, signal, last));
        CHECK((told == signal || told == last));
      }
    }
  }
}

// What ranks say at the end of an epoch would be canceled; the trainer has them agree once the epoch is told (ranks_test).
TEST_CASE("after the last batch of an epoch a step leaves the agreement to the trainer") {
  for (const Reduction reduction : {Reduction::fast, Reduction::ordered})
    for (const Outcome& outcome : train_on(4, reduction, dense_batch(9), {SIGTERM, true}))
      CHECK(outcome.agreed == std::vector<int>{0, 0, 0});
}

TEST_CASE("ordered on one rank is close to the step of a process alone, but not the same bits") {
  const Batch batch = dense_batch(64);
  TrainSpec spec = spec_of(model(), Loss::categorical_crossentropy, one("sgd"), batch);
  const auto alone = make_train_step(cpu(), spec);
  spec.reduction = Reduction::ordered;
  const auto ordered = make_train_step(cpu(), spec);
  for (int i = 0; i < 3; ++i) {
    alone->train(batch.view());
    ordered->train(batch.view());
  }
  const std::vector<float> a = weights_of(*alone), b = weights_of(*ordered);
  for (std::size_t i = 0; i < a.size(); ++i)
    CHECK(static_cast<double>(a[i]) == Approx(static_cast<double>(b[i])).margin(1e-5));
}
