// Whole trainings on the CPU step against float64, and what a step promises beside the numbers.
#include "nn_run.hpp"

#include <functional>
#include <limits>

using namespace millrace;
using namespace millrace::nn_test;

namespace {

const List kSmallModel{dense(33, "relu", {{"l2", 1e-3}}), dense(17, "tanh"), dense(5, "softmax")};

ParamValue any_optimizer() { return GENERATE(from_range(optimizers_to_train())); }

TrainSpec small_spec(const Batch& batch, const ParamValue& optimizer) {
  return spec_of(model_of(20, kSmallModel), Loss::categorical_crossentropy, optimizer, batch);
}

/// Notes each request; the host allocator itself rounds up to its size classes.
class CountingAllocator final : public Allocator {
 public:
  std::shared_ptr<std::byte> allocate(std::size_t bytes) override {
    requests.push_back(bytes);
    return host_->allocate(bytes);
  }
  std::size_t live_bytes() const override { return host_->live_bytes(); }
  std::size_t peak_bytes() const override { return host_->peak_bytes(); }
  std::vector<std::size_t> requests;

 private:
  std::unique_ptr<Allocator> host_ = make_host_allocator();
};

class CountingDevice final : public Device {
 public:
  const DeviceId& id() const override { return cpu().id(); }
  std::string describe() const override { return "counts"; }
  bool is_host() const override { return true; }
  Allocator& memory() override { return counter; }
  Allocator& staging() override { return counter; }
  std::unique_ptr<Stream> make_stream() override { return cpu().make_stream(); }
  CountingAllocator counter;
};

std::string error_name(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.name();
  }
  return "no error";
}

}  // namespace

TEST_CASE("twenty steps follow a float64 training, for every optimizer") {
  const ParamValue optimizer = any_optimizer();
  CAPTURE(optimizer.render());
  const Batch batch = random_batch(31, 20, 5);
  const TrainSpec spec = small_spec(batch, optimizer);
  check_close(trained(cpu(), spec, batch, 20), trained_in_doubles(spec, batch, 20), 2e-5);
}

TEST_CASE("clipping at a norm that is never reached changes no bit") {
  const Batch batch = random_batch(31, 20, 5);
  const Run clipped = trained(cpu(), small_spec(batch, one("adam", {{"clip_norm", 1e6}})), batch, 3);
  CHECK(clipped.weights == trained(cpu(), small_spec(batch, one("adam")), batch, 3).weights);
}

TEST_CASE("dropout is keyed by sample id, not by the position in the batch") {
  const auto model = model_of(6, {dense(16, "linear"), dropout(0.5), dense(2, "linear")});
  Batch batch = random_batch(1, 6, 2);
  const auto loss_of_sample = [&](std::uint64_t id, std::int64_t position, std::uint32_t epoch) {
    std::vector<float> x, y;
    for (std::int64_t r = 0; r < 4; ++r) {  // the other rows weigh nothing
      x.insert(x.end(), batch.inputs.f32().begin(), batch.inputs.f32().end());
      y.insert(y.end(), batch.targets.f32().begin(), batch.targets.f32().end());
    }
    std::vector<float> row_weights(4, 0.0F);
    row_weights[static_cast<std::size_t>(position)] = 1;
    Batch four = batch_of(testing::rows<float>({6}, x), testing::rows<float>({2}, y));
    four.weights = testing::rows<float>({}, row_weights);
    four.ids = {100, 101, 102, 103};
    four.ids[static_cast<std::size_t>(position)] = id;
    four.epoch = epoch;
    return make_train_step(cpu(), spec_of(model, Loss::mse, one("sgd"), four))->train(four.view()).loss;
  };
  CHECK(loss_of_sample(5, 0, 1) == loss_of_sample(5, 3, 1));
  CHECK(loss_of_sample(5, 0, 1) != loss_of_sample(6, 0, 1));
  CHECK(loss_of_sample(5, 0, 1) != loss_of_sample(5, 0, 2));
}

TEST_CASE("dropout keeps the share of units that it should, and the mean") {
  const auto model = model_of(1000, {dropout(0.2), dense(1, "linear", {{"kernel_initializer", one("ones")}})});
  const Batch batch = batch_of(testing::rows<float>({1000}, std::vector<float>(100 * 1000, 1.0F)),
                               testing::rows<float>({1}, std::vector<float>(100, 1000.0F)));
  TrainSpec spec = spec_of(model, Loss::mse, one("sgd", {{"learning_rate", 1e-9}}), batch);
  const BatchSums sums = make_train_step(cpu(), spec)->train(batch.view());
  // Each output is binomial(1000, 0.8) / 0.8: mean 1000, standard deviation 15.8.
  CHECK(sums.absolute_error / sums.samples == Catch::Approx(15.8 * std::sqrt(2 / 3.14159265)).epsilon(0.3));
}

TEST_CASE("evaluation ignores dropout") {
  const auto with = model_of(6, {dropout(0.5), dense(8, "relu"), dropout(0.5), dense(3, "softmax")});
  const auto without = model_of(6, {dense(8, "relu"), dense(3, "softmax")});
  const Batch batch = random_batch(9, 6, 3);
  const std::vector<float> weights = initial_weights(*with, 1);
  const auto loss_with = [&](const std::shared_ptr<const ModelSpec>& model) {
    const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, weights);
    return make_evaluation_step(cpu(), model, snapshot.loss(), batch.inputs.spec(), batch.targets.spec(), 9)
        ->evaluate(snapshot, batch.view())
        .loss;
  };
  CHECK(loss_with(with) == loss_with(without));
}

TEST_CASE("a batch of no rows changes nothing and is nothing") {
  const auto model = model_of(6, {dense(8, "relu", {{"l2", 0.01}}), dropout(0.5), dense(3, "softmax")});
  const Batch none = random_batch(0, 6, 3), some = random_batch(9, 6, 3);
  for (const Reduction reduction : {Reduction::fast, Reduction::ordered}) {
    TrainSpec spec = spec_of(model, Loss::categorical_crossentropy, one("adam"), some);
    spec.reduction = reduction;
    const auto step = make_train_step(cpu(), spec), undisturbed = make_train_step(cpu(), spec);
    CHECK(step->train(none.view()).samples == 0);
    step->train(some.view());
    undisturbed->train(some.view());
    CHECK(step->snapshot(1)->weights_sha256() == undisturbed->snapshot(1)->weights_sha256());
  }
  const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, initial_weights(*model, 1));
  const auto step = make_evaluation_step(cpu(), model, snapshot.loss(), none.inputs.spec(), none.targets.spec(), 9);
  CHECK(step->evaluate(snapshot, none.view()).samples == 0);
  CHECK_NOTHROW(step->predict(snapshot, none.inputs, {}));
  CHECK(step->evaluate(snapshot, some.view()).samples == 9);
}

TEST_CASE("a part of a batch has the same sums and bits whatever else is in the batch") {
  const auto model = model_of(30, {dense(40, "relu", {{"l2", 0.01}}), dense(3, "softmax")});
  const Batch all = random_batch(103, 30, 3);
  const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, initial_weights(*model, 1));
  const auto step = make_evaluation_step(cpu(), model, snapshot.loss(), all.inputs.spec(), all.targets.spec(), 103);
  TrainBatch whole = all.view();
  whole.part_rows = {25, 26, 26, 26};
  std::vector<BatchSums> parts;
  std::int64_t first = 0;
  for (const std::int64_t rows : whole.part_rows) {
    const Tensor inputs = all.inputs.slice(first, rows), targets = all.targets.slice(first, rows);
    TrainBatch part;
    part.inputs = &inputs;
    part.targets = &targets;
    parts.push_back(step->evaluate(snapshot, part));
    first += rows;
  }
  const BatchSums sums = step->evaluate(snapshot, whole), in_pairs = sum_in_pairs(parts);
  CHECK(sums.loss == in_pairs.loss);
  CHECK(sums.penalty == in_pairs.penalty);
  CHECK(sums.absolute_error == in_pairs.absolute_error);
  CHECK(sums.samples == 103);
  for (const std::int64_t last : {25, 27}) {
    whole.part_rows.back() = last;
    CHECK_THROWS_AS(step->evaluate(snapshot, whole), Error);
  }
}

TEST_CASE("evaluation gives the loss, accuracy and mae of the outputs that predict gives") {
  const auto model = model_of(6, {dense(8, "relu", {{"l2", 0.01}}), dense(3, "softmax")});
  const Batch batch = random_batch(9, 6, 3);
  const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, initial_weights(*model, 1));
  const auto step = make_evaluation_step(cpu(), model, snapshot.loss(), batch.inputs.spec(), batch.targets.spec(), 9);
  const BatchSums sums = step->evaluate(snapshot, batch.view());
  std::vector<float> p(27);
  step->predict(snapshot, batch.inputs, p);
  double correct = 0, error = 0;
  for (std::size_t r = 0; r < 9; ++r) {
    const auto row = p.begin() + static_cast<std::ptrdiff_t>(3 * r);
    const auto y = batch.targets.f32().begin() + static_cast<std::ptrdiff_t>(3 * r);
    correct += (std::max_element(row, row + 3) - row) == (std::max_element(y, y + 3) - y) ? 1 : 0;
    for (int j = 0; j < 3; ++j) error += std::abs(static_cast<double>(row[j]) - static_cast<double>(y[j])) / 3;
  }
  CHECK(sums.correct == correct);
  CHECK(sums.absolute_error == Catch::Approx(error).epsilon(1e-6));
  const double expected = Reference(*model, snapshot.loss())
                              .loss(to_doubles(initial_weights(*model, 1)), to_doubles(batch.inputs.f32()),
                                    to_doubles(batch.targets.f32()));
  CHECK((sums.loss + sums.penalty) / 9 == Catch::Approx(expected).epsilon(1e-6));
}

TEST_CASE("accuracy of a single output is the side of one half") {
  const auto model = model_of(1, {dense(1, "linear", {{"kernel_initializer", one("ones")}, {"use_bias", false}})});
  const Batch batch = batch_of(testing::rows<float>({1}, std::vector<float>{0.2F, 0.9F, 0.6F}),
                               testing::rows<float>({1}, std::vector<float>{0, 1, 0}));
  CHECK(make_train_step(cpu(), spec_of(model, Loss::mse, one("sgd"), batch))->train(batch.view()).correct == 2);
}

TEST_CASE("a loss that is not finite stops before the weights change") {
  const auto bad = GENERATE(std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e38F);
  CAPTURE(bad);
  const Batch batch = batch_of(testing::rows<float>({4}, std::vector<float>{0, bad, bad, 0}),
                               testing::rows<float>({2}, std::vector<float>{0, 1}));
  const auto step = make_train_step(
      cpu(), spec_of(model_of(4, {dense(8, "relu"), dense(2, "linear")}), Loss::mse, one("sgd"), batch));
  const std::vector<float> before = weights_of(*step);
  try {
    step->train(batch.view());
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.name() == "diverged");
    CHECK(error.kind() == ErrorKind::diverged);
  }
  CHECK(weights_of(*step) == before);
}

TEST_CASE("a snapshot does not change when training goes on") {
  const Batch batch = random_batch(31, 20, 5);
  const auto step = make_train_step(cpu(), small_spec(batch, one("adam")));
  const auto snapshot = step->snapshot(1);
  const std::string hash = snapshot->weights_sha256();
  const std::vector<float> copy(snapshot->weights().begin(), snapshot->weights().end());
  step->train(batch.view());
  CHECK(snapshot->weights_sha256() == hash);
  CHECK(std::equal(copy.begin(), copy.end(), snapshot->weights().begin()));
  CHECK(step->snapshot(1)->weights_sha256() != hash);
}

TEST_CASE("a step that is saved and loaded goes on with the same bits") {
  const ParamValue optimizer = any_optimizer();
  CAPTURE(optimizer.render());
  const Batch batch = random_batch(31, 20, 5);
  const auto step = make_train_step(cpu(), small_spec(batch, optimizer));
  for (int i = 0; i < 3; ++i) step->train(batch.view());
  StageState state;
  step->save(state);
  const auto fresh = make_train_step(cpu(), small_spec(batch, optimizer));
  fresh->load(state);
  step->train(batch.view());
  fresh->train(batch.view());
  CHECK(fresh->snapshot(1)->weights_sha256() == step->snapshot(1)->weights_sha256());
}

TEST_CASE("state of another model is refused") {
  const Batch batch = random_batch(31, 20, 5), other = random_batch(31, 20, 2);
  StageState state;
  make_train_step(cpu(), small_spec(batch, one("adam")))->save(state);
  const auto step = make_train_step(
      cpu(), spec_of(model_of(20, {dense(2, "softmax")}), Loss::categorical_crossentropy, one("adam"), other));
  CHECK(error_name([&] { step->load(state); }) == "state-mismatch");
}

TEST_CASE("a step asks the device's memory for exactly what was predicted, and once") {
  CountingDevice device;
  const Batch batch = random_batch(31, 20, 5);
  const TrainSpec spec = small_spec(batch, any_optimizer());
  const auto step = make_train_step(device, spec);
  CHECK(device.counter.requests == std::vector<std::size_t>{train_step_bytes(spec)});
  CHECK(step->memory_bytes() == train_step_bytes(spec));
  const auto evaluation = make_evaluation_step(device, spec.model, spec.loss, spec.inputs, spec.targets, 50);
  CHECK(device.counter.requests.back() == evaluation_step_bytes(*spec.model, 50));
  step->train(batch.view());
  evaluation->evaluate(*step->snapshot(1), batch.view());
  CHECK(device.counter.requests.size() == 2);
}

TEST_CASE("a batch that does not fit the step is refused") {
  const Batch batch = random_batch(31, 20, 5);
  const auto step = make_train_step(cpu(), small_spec(batch, one("sgd")));
  CHECK(error_name([&] { step->train(random_batch(32, 20, 5).view()); }) == "batch-too-large");
  CHECK(error_name([&] { step->train(random_batch(31, 19, 5).view()); }) == "shape-mismatch");
  CHECK(error_name([&] { step->train(random_batch(31, 20, 6).view()); }) == "shape-mismatch");
  Batch without_ids = random_batch(31, 20, 5);
  without_ids.ids.clear();
  CHECK(error_name([&] { step->train(without_ids.view()); }) == "shape-mismatch");
}

TEST_CASE("a device that cannot train says so") {
  Batch batch = random_batch(2, 20, 5);
  CHECK(error_name([&] {
          train_step_bytes(small_spec(batch, one("sgd")), DeviceId{"abacus", 0});
        }) == "no-training-step");
}
