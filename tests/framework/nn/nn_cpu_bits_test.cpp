// The CPU step gives the same bits for any number of threads and any encoding of the same values.
#include "nn_fixtures.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <set>

using namespace millrace;
using namespace millrace::nn_test;

namespace {

/// Wide enough for several shards and slabs in every layer.
std::shared_ptr<const ModelSpec> wide_model() {
  return model_of(200, {dense(300, "relu", {{"l2", 1e-4}}), dropout(0.1), dense(257, "tanh"), dense(10, "softmax")});
}

std::string hash_after_steps(const TrainSpec& spec, const Batch& batch, int steps) {
  const auto step = make_train_step(cpu(), spec);
  BatchSums sums;
  for (int i = 0; i < steps; ++i) sums.add(step->train(batch.view()));
  return step->snapshot(1)->weights_sha256() + "/" + std::to_string(sums.loss) + "/" + std::to_string(sums.penalty);
}

std::string hash_in_arena(int threads, const TrainSpec& spec, const Batch& batch) {
  const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  std::string hash;
  arena.execute([&] { hash = hash_after_steps(spec, batch, 4); });
  return hash;
}

Batch pixel_batch(std::int64_t rows) {
  static const std::unique_ptr<Allocator> memory = make_host_allocator();
  OutTensor out(TensorSpec{DType::f32, {200}, {}, {EncodingKind::affine_u8, 1.0F / 255.0F, -0.1F, 0}, {}}, rows,
                *memory);
  std::uint32_t next = 0;
  for (std::uint8_t& value : out.values<std::uint8_t>()) value = static_cast<std::uint8_t>((next = next * 5 + 77) >> 8);
  return batch_of(std::move(out).freeze(), class_ids(rows, 10));
}

Tensor as_dense(const Tensor& tensor) {
  const std::span<const float> values = tensor.f32();
  return testing::rows<float>(tensor.spec().row_shape, {values.begin(), values.end()});
}

}  // namespace

TEST_CASE("any number of threads gives the same bits") {
  const auto rows = GENERATE(1, 31, 32, 128, 700);
  const auto optimizer = GENERATE(as<ParamValue>{}, one("rmsprop"), one("adam", {{"clip_norm", 0.05}}));
  CAPTURE(rows, optimizer.render());
  const Batch batch = pixel_batch(rows);
  const TrainSpec spec = spec_of(wide_model(), Loss::categorical_crossentropy, optimizer, batch);
  std::set<std::string> hashes;
  for (const int threads : {1, 2, 3, 4, 8}) hashes.insert(hash_in_arena(threads, spec, batch));
  CHECK(hashes.size() == 1);
}

TEST_CASE("bytes and class ids train to the same bits as the floats they stand for") {
  const auto rows = GENERATE(1, 33, 200);
  const Batch bytes = pixel_batch(rows);
  Batch floats = batch_of(as_dense(bytes.inputs), as_dense(bytes.targets));
  const auto hash = [](const Batch& batch) {
    return hash_after_steps(spec_of(wide_model(), Loss::categorical_crossentropy, one("rmsprop"), batch), batch, 4);
  };
  CHECK(hash(bytes) == hash(floats));
  floats.targets = bytes.targets;
  CHECK(hash(bytes) == hash(floats));
}

TEST_CASE("rows that start anywhere in memory give the same bits") {
  const Batch all = pixel_batch(40);
  const Batch floats = batch_of(as_dense(all.inputs), as_dense(all.targets));
  const auto hash_of_rows = [](const Tensor& inputs, const Tensor& targets) {
    const Batch batch = batch_of(inputs, targets);
    return hash_after_steps(spec_of(wide_model(), Loss::categorical_crossentropy, one("sgd"), batch), batch, 2);
  };
  const Tensor x = floats.inputs.slice(7, 33), y = floats.targets.slice(7, 33);
  CHECK(hash_of_rows(x, y) == hash_of_rows(as_dense(x), as_dense(y)));
}

TEST_CASE("evaluation gives the same bits for any number of threads") {
  const Batch batch = pixel_batch(700);
  const auto model = wide_model();
  const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, initial_weights(*model, 3));
  const auto step = make_evaluation_step(cpu(), model, snapshot.loss(), batch.inputs.spec(), batch.targets.spec(), 700);
  std::set<double> losses;
  for (const int threads : {1, 2, 3, 4, 8})
    tbb::task_arena(threads).execute([&] { losses.insert(step->evaluate(snapshot, batch.view()).loss); });
  CHECK(losses.size() == 1);
}
