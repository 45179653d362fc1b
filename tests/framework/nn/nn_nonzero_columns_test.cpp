// Columns of the inputs that are 0 in a whole batch are left out of the first layer's products, and nobody can tell.
#include "nn/cpu/pass/nonzero_columns.hpp"

#include "nn_run.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <cmath>
#include <limits>
#include <set>

using namespace millrace;
using namespace millrace::cpu;
using namespace millrace::nn_test;

namespace {

constexpr std::int64_t kInputs = 160;

/// A first layer [8, 4] over two shards of 2 rows.
struct SmallLayer {
  SmallLayer() {
    layer.inputs = 8;
    layer.outputs = 4;
    for (int i = 0; i < 32; ++i) kernel.push_back(static_cast<float>(i));
  }
  NonzeroColumns columns_of(const std::vector<float>& inputs) {
    NonzeroColumns nonzero(layer, kernel.data(), layout, scratch);
    nonzero.mark(inputs.data(), {0, 2}, 0);
    nonzero.mark(inputs.data(), {2, 2}, 1);
    nonzero.choose(2, 4);
    return nonzero;
  }
  LayerSpec layer;
  std::vector<float> kernel;
  ScratchLayout sizes;
  NonzeroColumnsLayout layout{16, 8, 4, sizes};
  std::unique_ptr<Allocator> memory = make_host_allocator();
  Scratch scratch{*memory, sizes.bytes()};
};

std::vector<float> inputs_with(const std::vector<std::pair<std::size_t, float>>& values) {
  std::vector<float> inputs(32, 0.0F);
  for (const auto& [at, value] : values) inputs[at] = value;
  return inputs;
}

/// Rows in which the columns are 0 that `is_zero` names.
template <class IsZero>
Batch batch_with_zeros(std::int64_t rows, const char* purpose, IsZero is_zero) {
  std::vector<float> values = uniform_values(rows * kInputs, purpose, -1, 1);
  for (std::int64_t i = 0; i < rows * kInputs; ++i)
    if (is_zero(i % kInputs)) values[static_cast<std::size_t>(i)] = 0;
  return batch_of(testing::rows<float>({kInputs}, std::move(values)), class_ids(rows, 10));
}

/// One batch whose middle is nonzero, one with every third column, and a dense one.
std::vector<Batch> batches(std::int64_t rows) {
  std::vector<Batch> all;
  all.push_back(batch_with_zeros(rows, "middle", [](std::int64_t j) { return j < 30 || j >= 130; }));
  all.push_back(batch_with_zeros(rows, "thirds", [](std::int64_t j) { return j % 3 != 1; }));
  all.push_back(batch_with_zeros(rows, "dense", [](std::int64_t) { return false; }));
  return all;
}

std::shared_ptr<const ModelSpec> wide_model(Map first) {
  return model_of(kInputs, {dense(256, "relu", std::move(first)), dense(20, "tanh"), dense(10, "softmax")});
}

TrainSpec wide_spec(const std::vector<Batch>& all, const ParamValue& optimizer, Map first = {}) {
  return spec_of(wide_model(std::move(first)), Loss::categorical_crossentropy, optimizer, all.front());
}

constexpr int kSteps = 9;

Run trained_in_turn(const TrainSpec& spec, const std::vector<Batch>& all) {
  const auto step = make_train_step(nn_test::cpu(), spec);
  Run run;
  for (std::size_t i = 0; i < kSteps; ++i) {
    const BatchSums sums = sums_of(*step, all[i % all.size()]);
    run.losses.push_back((sums.loss + sums.penalty) / sums.samples);
  }
  run.weights = to_doubles(nn_test::weights_of(*step));
  run.hash = step->snapshot(0)->weights_sha256();
  return run;
}

Run trained_in_turn_in_doubles(const TrainSpec& spec, const std::vector<Batch>& all) {
  Reference reference(*spec.model, spec.loss);
  ReferenceOptimizer optimizer(spec.optimizer);
  Run run;
  run.weights = to_doubles(initial_weights(*spec.model, spec.seed));
  for (std::size_t i = 0; i < kSteps; ++i) {
    const Batch& batch = all[i % all.size()];
    const Doubles x = to_doubles(batch.inputs.f32()), y = to_doubles(batch.targets.f32());
    run.losses.push_back(reference.loss(run.weights, x, y));
    optimizer.step(run.weights, reference.gradient(run.weights, x, y));
  }
  return run;
}

}  // namespace

TEST_CASE("a column is nonzero when one row of any shard is not 0 there") {
  SmallLayer small;
  const float nan = std::numeric_limits<float>::quiet_NaN(), tiny = std::numeric_limits<float>::denorm_min();
  const NonzeroColumns nonzero =
      small.columns_of(inputs_with({{1, 2.0F}, {8 + 1, 3.0F}, {8 + 3, -0.0F}, {16 + 5, nan}, {24 + 6, tiny}}));
  REQUIRE(nonzero.is_worthwhile());
  REQUIRE(nonzero.count() == 3);
  CHECK(std::vector<std::int32_t>(nonzero.columns(), nonzero.columns() + 3) == std::vector<std::int32_t>{1, 5, 6});
}

TEST_CASE("nonzero columns of inputs and rows of weights are packed one after the other") {
  SmallLayer small;
  const std::vector<float> inputs = inputs_with({{1, 2.0F}, {8 + 6, 4.0F}, {24 + 1, 5.0F}});
  NonzeroColumns nonzero = small.columns_of(inputs);
  REQUIRE(nonzero.count() == 2);
  nonzero.pack_inputs(inputs.data(), {0, 4});
  const float* x = nonzero.inputs_from(0).data;
  CHECK(std::vector<float>(x, x + 8) == std::vector<float>{2, 0, 0, 4, 0, 0, 5, 0});
  CHECK(nonzero.inputs_from(3).data == x + 6);
  nonzero.pack_weights({2, 2});
  const Matrix w = nonzero.weights_of({2, 2});
  CHECK(w.stride == 2);
  CHECK(std::vector<float>(w.data, w.data + 4) == std::vector<float>{6, 7, 26, 27});
}

TEST_CASE("a range of all columns has a range of the nonzero ones") {
  SmallLayer small;
  const NonzeroColumns nonzero = small.columns_of(inputs_with({{1, 1.0F}, {5, 1.0F}, {6, 1.0F}}));
  const auto within = [&](std::int64_t first, std::int64_t count) {
    const cpu::Range range = nonzero.within({first, count});
    return std::pair(range.first, range.count);
  };
  CHECK(within(0, 8) == std::pair<std::int64_t, std::int64_t>(0, 3));
  CHECK(within(0, 5) == std::pair<std::int64_t, std::int64_t>(0, 1));
  CHECK(within(2, 3).second == 0);
  CHECK(within(5, 1) == std::pair<std::int64_t, std::int64_t>(1, 1));
  CHECK(within(6, 2) == std::pair<std::int64_t, std::int64_t>(2, 1));
}

TEST_CASE("packing does not pay for dense inputs, nor for nothing but zeros") {
  SmallLayer small;
  CHECK_FALSE(small.columns_of(std::vector<float>(32, 1.0F)).is_worthwhile());
  CHECK_FALSE(small.columns_of(std::vector<float>(32, 0.0F)).is_worthwhile());
}

TEST_CASE("there is room for the marks of every batch that is smaller than the largest") {
  constexpr std::int64_t kColumns = 16;
  for (std::int64_t most = 1; most <= 1200; ++most) {
    ScratchLayout sizes;
    const NonzeroColumnsLayout layout{most, kColumns, 4, sizes};
    const auto room = static_cast<std::int64_t>(layout.columns - layout.marks);
    for (std::int64_t rows = 1; rows <= most; ++rows) {
      const auto shards = static_cast<std::int64_t>(row_shards(rows).size());
      if (shards * kColumns * 4 > room) FAIL(rows << " rows of " << most);
    }
  }
}

TEST_CASE("packing does not pay for fewer rows than the layout asks for") {
  SmallLayer small;
  small.layout.least_rows = 5;
  CHECK_FALSE(small.columns_of(inputs_with({{1, 2.0F}})).is_worthwhile());
  small.layout.least_rows = 4;
  CHECK(small.columns_of(inputs_with({{1, 2.0F}})).is_worthwhile());
}

TEST_CASE("only a model that begins with a wide dense layer has nonzero columns") {
  CHECK(has_nonzero_columns(*wide_model({})));
  CHECK_FALSE(has_nonzero_columns(*model_of(kInputs, {dense(20, "relu"), dense(10, "softmax")})));
  CHECK_FALSE(has_nonzero_columns(*model_of(kInputs, {dropout(0.1), dense(256, "relu"), dense(10, "softmax")})));
}

TEST_CASE("columns that are 0 in one batch and nonzero in the next train as float64 does") {
  const auto rows = GENERATE(5, 32, 130);
  const auto optimizer = GENERATE(as<ParamValue>{}, one("sgd", {{"learning_rate", 0.1}}),
                                  one("sgd", {{"learning_rate", 0.05}, {"momentum", 0.9}}), one("rmsprop"), one("adam"),
                                  one("adam", {{"clip_norm", 0.01}}));
  CAPTURE(rows, optimizer.render());
  const std::vector<Batch> all = batches(rows);
  const TrainSpec spec = wide_spec(all, optimizer);
  check_close(trained_in_turn(spec, all), trained_in_turn_in_doubles(spec, all), 1e-4);
}

TEST_CASE("a penalty moves the weights of columns that are 0") {
  const std::vector<Batch> all = batches(40);
  const TrainSpec spec = wide_spec(all, one("sgd", {{"learning_rate", 0.1}}), {{"l2", 1e-2}});
  check_close(trained_in_turn(spec, all), trained_in_turn_in_doubles(spec, all), 1e-4);
}

TEST_CASE("a batch of nothing but zeros trains the biases alone") {
  std::vector<Batch> all;
  all.push_back(batch_with_zeros(32, "none", [](std::int64_t) { return true; }));
  const TrainSpec spec = wide_spec(all, one("sgd", {{"learning_rate", 0.1}}));
  check_close(trained_in_turn(spec, all), trained_in_turn_in_doubles(spec, all), 1e-5);
}

TEST_CASE("with columns left out, any number of threads gives the same bits") {
  const std::vector<Batch> all = batches(GENERATE(32, 130));
  const TrainSpec spec = wide_spec(all, one("rmsprop"));
  std::set<std::string> hashes;
  for (const int threads : {1, 2, 3, 8}) {
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
    tbb::task_arena arena(threads);
    arena.execute([&] { hashes.insert(trained_in_turn(spec, all).hash); });
  }
  CHECK(hashes.size() == 1);
}
