// The work of a step, done on the host against float64: every layer, loss, optimizer and encoding, with every epilogue to be had
// and with none.
#include "cuda/step/step_plan.hpp"

#include "emulated_step.hpp"
#include "nn_activations.hpp"
#include "nn_run.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace millrace;
using namespace millrace::nn_test;
using namespace millrace::cuda_test;

namespace {

const CanFuse kAll = [](const Matmul&) { return true; };
const CanFuse kNone = [](const Matmul&) { return false; };
CanFuse only(Matmul::Epilogue epilogue) {
  return [epilogue](const Matmul& product) { return product.epilogue == epilogue; };
}
CanFuse any_fusing() {
  using Epilogue = Matmul::Epilogue;
  return GENERATE(as<CanFuse>{}, kAll, kNone, only(Epilogue::bias), only(Epilogue::relu_bias));
}

Run emulated(const TrainSpec& spec, const Batch& batch, int steps, const CanFuse& can_fuse) {
  EmulatedStep step(spec, can_fuse);
  Run run;
  for (int i = 0; i < steps; ++i) {
    step.train(batch);
    const BatchSums sums = step.take_sums();
    CHECK(sums.samples == static_cast<double>(batch.inputs.rows()));
    run.losses.push_back((sums.loss + sums.penalty) / sums.samples);
  }
  CHECK(step.padding() == 0.0F);
  CHECK_FALSE(step.wrote_past_the_end());
  run.weights = step.weights();
  return run;
}

// As the CPU step against float64 in nn_training_test.cpp: twenty steps of float32 roundings.
constexpr double kFloat32 = 2e-5;

Batch categorical_batch(std::int64_t rows, std::int64_t inputs, std::int64_t classes) {
  return batch_of(testing::rows<float>({inputs}, uniform_values(rows * inputs, "inputs", -1, 1)),
                  class_ids(rows, classes));
}

}  // namespace

TEST_CASE("twenty emulated steps follow float64, for every optimizer and every set of epilogues") {
  const ParamValue optimizer = GENERATE(from_range(optimizers_to_train()));
  const CanFuse can_fuse = any_fusing();
  CAPTURE(optimizer.render());
  const Batch batch = random_batch(31, 20, 5);
  const TrainSpec spec = spec_of(
      model_of(20, {dense(33, "relu", {{"l2", 1e-3}}), dense(24, "relu"), dense(17, "tanh"), dense(5, "softmax")}),
      Loss::categorical_crossentropy, optimizer, batch);
  check_close(emulated(spec, batch, 20, can_fuse), trained_in_doubles(spec, batch, 20), kFloat32);
}

TEST_CASE("every activation and loss follows float64, with and without bias") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const char* hidden = GENERATE(from_range(hidden_activations()));
  const bool use_bias = GENERATE(true, false);
  const auto [loss, last] = GENERATE(table<Loss, const char*>({{Loss::categorical_crossentropy, "softmax"},
                                                               {Loss::binary_crossentropy, "sigmoid"},
                                                               {Loss::mse, "linear"},
                                                               {Loss::mse, "relu"},
                                                               {Loss::mse, "softmax"},
                                                               {Loss::mse, "tanh"}}));
  CAPTURE(hidden, last, use_bias);
  const Batch batch = random_batch(9, 7, 3);
  const TrainSpec spec = spec_of(model_of(7, {dense(18, hidden, {{"use_bias", use_bias}}), dense(6, hidden),
                                              dense(3, last, {{"use_bias", use_bias}})}),
                                 loss, one("sgd", {{"learning_rate", 0.1}}), batch);
  check_close(emulated(spec, batch, 5, can_fuse), trained_in_doubles(spec, batch, 5), kFloat32);
}

TEST_CASE("dropout anywhere gives the CPU step's masks and gradients") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const List layers = GENERATE(as<List>{}, List{dropout(0.3), dense(17, "relu"), dense(3, "softmax")},
                               List{dense(17, "relu"), dropout(0.5), dense(3, "softmax")},
                               List{dense(18, "tanh"), dropout(0.2), dropout(0.4), dense(9, "relu"),
                                    dense(5, "sigmoid"), dropout(0.1), dense(3, "softmax")});
  Batch batch = categorical_batch(11, 6, 3);
  for (std::size_t i = 0; i < batch.ids.size(); ++i) batch.ids[i] = (std::uint64_t{1} << 33) + 7 * i;
  batch.epoch = 3;
  const TrainSpec spec = spec_of(model_of(6, layers), Loss::categorical_crossentropy, one("adam"), batch);
  check_close(emulated(spec, batch, 5, can_fuse), trained(cpu(), spec, batch, 5), kFloat32);
}

TEST_CASE("a short last batch is exact: what an earlier full batch left behind counts for nothing") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const Batch full = random_batch(16, 20, 5), part = random_batch(5, 20, 5);
  const List layers{dense(33, "sigmoid"), dropout(0.4), dense(24, "relu"), dense(5, "softmax")};
  const TrainSpec spec = spec_of(model_of(20, layers), Loss::categorical_crossentropy, one("rmsprop"), full);
  EmulatedStep step(spec, can_fuse);
  const auto on_host = make_train_step(cpu(), spec);
  for (const Batch* batch : {&full, &part, &full, &part}) {
    step.train(*batch);
    const BatchSums expected = on_host->train(batch->view());
    const BatchSums sums = step.take_sums();
    CHECK(sums.samples == expected.samples);
    CHECK(sums.loss == Catch::Approx(expected.loss).epsilon(1e-5));
    CHECK(sums.correct == expected.correct);
    CHECK(sums.absolute_error == Catch::Approx(expected.absolute_error).epsilon(1e-5));
  }
  check_close({{}, step.weights()}, {{}, to_doubles(weights_of(*on_host))}, kFloat32);
}

TEST_CASE("the columns of many rows are summed up in two steps, to what float64 gives") {
  const Batch batch = random_batch(2 * ColumnSums::kChunkRows + 45, 7, 3);
  const TrainSpec spec = spec_of(model_of(7, {dense(18, "relu"), dense(3, "softmax")}), Loss::categorical_crossentropy,
                                 one("sgd", {{"learning_rate", 0.1}}), batch);
  check_close(emulated(spec, batch, 5, kAll), trained_in_doubles(spec, batch, 5), kFloat32);
  const StepDemand demand = demand_of(spec);
  EmulatedMemory memory(demand);
  const Ops ops = step_ops(demand, memory.layout, memory.base(), {&spec.inputs, &spec.targets, false}, kAll, nullptr);
  CHECK(std::count_if(ops.begin(), ops.end(), [](const Op& op) { return std::holds_alternative<ColumnSums>(op); }) ==
        4);
}

TEST_CASE("weights of rows scale losses and gradients") {
  Batch batch = random_batch(9, 7, 3);
  batch.weights = testing::rows<float>({}, uniform_values(9, "row weights", 0, 2));
  const TrainSpec spec = spec_of(model_of(7, {dense(8, "relu"), dense(3, "softmax")}), Loss::categorical_crossentropy,
                                 one("sgd", {{"learning_rate", 0.1}}), batch);
  check_close(emulated(spec, batch, 5, kAll), trained_in_doubles(spec, batch, 5), kFloat32);
}

TEST_CASE("bf16 products stay within what 8 bits of mantissa allow, and update the bf16 weights") {
  const Batch batch = random_batch(31, 20, 5);
  TrainSpec spec = spec_of(model_of(20, {dense(33, "relu"), dropout(0.2), dense(17, "tanh"), dense(5, "softmax")}),
                           Loss::categorical_crossentropy, one("sgd", {{"learning_rate", 0.05}}), batch);
  const Run exact = emulated(spec, batch, 10, kAll);
  spec.precision = Precision::bf16;
  const Run rounded = emulated(spec, batch, 10, kAll);
  check_close(rounded, exact, 1e-2);
  CHECK(rounded.losses.back() < rounded.losses.front() - 1e-3);  // the products see the updated weights
  CHECK(rounded.weights != exact.weights);
}

TEST_CASE("epilogues are used where they are to be had, and nowhere else") {
  const Batch batch = categorical_batch(8, 20, 5);
  const TrainSpec spec = spec_of(model_of(20, {dense(32, "relu"), dense(24, "relu"), dense(5, "softmax")}),
                                 Loss::categorical_crossentropy, one("sgd"), batch);
  EmulatedStep with(spec, kAll), without(spec, kNone);
  with.train(batch);
  without.train(batch);
  CHECK(with.emulator.products == 8);
  CHECK(with.emulator.fused == 3);  // forward
  CHECK(without.emulator.products == 8);
  CHECK(without.emulator.fused == 0);
}

TEST_CASE("after a loss or gradient that is not finite nothing changes any more, also where a fused ReLU hides it") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const float value = GENERATE(1e38F, INFINITY, NAN);
  CAPTURE(value);
  const Batch good = random_batch(4, 3, 2);
  const Batch bad = batch_of(testing::rows<float>({3}, std::vector<float>(12, value)), good.targets);
  const TrainSpec spec = spec_of(model_of(3, {dense(8, "relu"), dense(2, "linear")}), Loss::mse, one("adam"), good);
  EmulatedStep step(spec, can_fuse);
  step.train(good);
  const Doubles before = step.weights();
  step.train(bad);
  step.train(good);
  CHECK(step.state().diverged_step == 2);
  CHECK(step.weights() == before);
  CHECK(step.take_sums().samples == 4);
}

TEST_CASE("an evaluation shows a value that is not finite also behind a ReLU that a library would fuse") {
  const CanFuse can_fuse = GENERATE(as<CanFuse>{}, kAll, kNone);
  const auto model = model_of(3, {dense(8, "relu"), dense(2, "linear")});
  const Batch good = random_batch(4, 3, 2);
  const Batch bad = batch_of(testing::rows<float>({3}, std::vector<float>(12, NAN)), good.targets);
  const ModelSnapshot snapshot(model, Loss::mse, 1, initial_weights(*model, 1));
  StepDemand demand = demand_of(*model, 4, Precision::float32);
  demand.loss = snapshot.loss();
  EmulatedMemory memory(demand);
  memory.layout.padded_weights.spread(snapshot.weights(), memory.floats(memory.layout.weights));
  std::memcpy(memory.base() + memory.layout.raw_inputs, bad.inputs.bytes(), bad.inputs.size_bytes());
  std::memcpy(memory.base() + memory.layout.raw_targets, bad.targets.bytes(), bad.targets.size_bytes());
  memory.state().input = {4, 1, 1, {}};
  const BatchForm form{&bad.inputs.spec(), &bad.targets.spec(), false};
  Emulator().run(step_ops(demand, memory.layout, memory.base(), form, can_fuse, nullptr));
  CHECK(std::isnan(memory.state().sums.loss));
  CHECK(std::isnan(memory.at<float>(memory.layout.layers.back().output)[0]));
}

TEST_CASE("a batch that lies on the GPU is read where it lies, to the same bits") {
  const bool has_classes = GENERATE(true, false);
  Batch batch = has_classes ? categorical_batch(6, 5, 3) : random_batch(6, 5, 3);
  batch.weights = testing::rows<float>({1}, {1, 0.5F, 2, 0, 1, 3});
  TrainSpec spec =
      spec_of(model_of(5, {dense(7, "relu"), dense(3, "softmax")}), Loss::categorical_crossentropy, one("adam"), batch);
  spec.weighted = true;
  EmulatedStep copied(spec, kAll), in_place(spec, kAll);
  for (int i = 0; i < 3; ++i) {
    copied.train(batch);
    in_place.train_in_place(batch);
  }
  CHECK(in_place.weights() == copied.weights());
  CHECK(in_place.take_sums().loss == copied.take_sums().loss);
}

TEST_CASE("stored forms decode to the bits that the host's decoder gives, with zeros for padding") {
  const auto check = [](const Tensor& tensor) {
    CAPTURE(tensor.spec().describe());
    const std::int64_t rows = tensor.rows(), width = elements_of(tensor.spec().row_shape);
    const auto model = model_of(width, {dense(2, "linear")});
    const Batch batch = batch_of(tensor, random_batch(rows, 1, 2).targets);
    TrainSpec spec = spec_of(model, Loss::mse, one("sgd"), batch);
    spec.max_batch_rows = rows + 2;
    const StepDemand demand = demand_of(spec);
    EmulatedMemory memory(demand);
    const Ops ops = step_ops(demand, memory.layout, memory.base(), {&spec.inputs, &spec.targets, false}, kAll, nullptr);
    std::fill_n(memory.at<float>(memory.layout.inputs), (rows + 2) * memory.layout.input_stride, 9.0F);
    std::memcpy(memory.base() + memory.layout.raw_inputs, tensor.bytes(), tensor.size_bytes());
    memory.state().input.rows = rows;
    Emulator().run({ops.front()});
    const float* decoded = memory.at<float>(memory.layout.inputs);
    for (std::int64_t row = 0; row < rows + 2; ++row)
      for (std::int64_t j = 0; j < memory.layout.input_stride; ++j) {
        const bool is_value = row < rows && j < width;
        const float expected = is_value ? tensor.f32()[static_cast<std::size_t>(row * width + j)] : 0.0F;
        REQUIRE(decoded[row * memory.layout.input_stride + j] == expected);
      }
  };
  check(testing::rows<float>({5}, uniform_values(15, "f32", -1, 1)));
  check(testing::rows<std::uint8_t>({3}, {0, 1, 255, 7, 128, 9}));
  check(testing::rows<std::int8_t>({2}, {-128, 127, 0, 5}));
  check(testing::rows<std::int16_t>({2}, {-32768, 32767, 0, 5}));
  check(testing::rows<std::int32_t>({2}, {-16777217, 16777217, 0, 5}));
  check(testing::rows<double>({2}, {0.1, -1e30, 1e-3, 5}));
  std::vector<std::uint8_t> all(256);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);
  const Tensor bytes = testing::rows<std::uint8_t>({64}, all);
  TensorSpec affine = bytes.spec();
  affine.dtype = DType::f32;
  affine.encoding = {EncodingKind::affine_u8, 1.0F / 255.0F, -0.1307F, 0};
  check(bytes.viewed_as(affine));
  check(class_ids(6, 5));
  const TensorSpec wide{DType::f32, {300}, {}, {EncodingKind::indicator, 1, 0, 300}, {}};
  check(testing::rows<std::int32_t>({}, {299, 0, 256, 7}).viewed_as(wide));
}

TEST_CASE("targets as class ids and as values give the same bits") {
  const Tensor ids = class_ids(8, 5);
  const Tensor values = testing::rows<float>({5}, std::vector<float>(ids.f32().begin(), ids.f32().end()));
  const Tensor inputs = random_batch(8, 6, 5).inputs;
  const auto weights_with = [&](const Tensor& targets) {
    const Batch batch = batch_of(inputs, targets);
    return emulated(spec_of(model_of(6, {dense(8, "relu"), dense(5, "softmax")}), Loss::categorical_crossentropy,
                            one("adam"), batch),
                    batch, 3, kAll)
        .weights;
  };
  CHECK(weights_with(ids) == weights_with(values));
}

TEST_CASE("an evaluation gives the CPU's sums and outputs, without dropout, and in bf16 nearly so") {
  const bool narrow = GENERATE(false, true);
  const double tolerance = narrow ? 1e-2 : 1e-5;  // 8 bits of mantissa
  const auto model = model_of(6, {dropout(0.5), dense(17, "relu"), dropout(0.5), dense(3, "softmax")});
  const Batch batch = categorical_batch(9, 6, 3);
  const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, initial_weights(*model, 1));
  StepDemand demand = demand_of(*model, 12, narrow ? Precision::bf16 : Precision::float32);
  demand.loss = snapshot.loss();
  EmulatedMemory memory(demand);
  memory.layout.padded_weights.spread(snapshot.weights(), memory.floats(memory.layout.weights));
  if (narrow)
    Emulator().run({ToBf16{memory.at<float>(memory.layout.weights), memory.at<std::uint16_t>(memory.layout.weights16),
                           memory.layout.padded_weights.size()}});
  const auto run = [&](const BatchForm& form) {
    std::memcpy(memory.base() + memory.layout.raw_inputs, batch.inputs.bytes(), batch.inputs.size_bytes());
    std::memcpy(memory.base() + memory.layout.raw_targets, batch.targets.bytes(), batch.targets.size_bytes());
    memory.state().input = {9, 1, 1, {}};
    Emulator().run(step_ops(demand, memory.layout, memory.base(), form, kAll, nullptr));
  };
  run({&batch.inputs.spec(), &batch.targets.spec(), false});
  const auto step = make_evaluation_step(cpu(), model, snapshot.loss(), batch.inputs.spec(), batch.targets.spec(), 12);
  const BatchSums expected = step->evaluate(snapshot, batch.view());
  const BatchSums sums = std::exchange(memory.state().sums, {});
  CHECK(sums.loss == Catch::Approx(expected.loss).epsilon(tolerance));
  CHECK(sums.correct == expected.correct);
  CHECK(sums.absolute_error == Catch::Approx(expected.absolute_error).epsilon(tolerance));

  run({&batch.inputs.spec(), nullptr, false});
  std::vector<float> outputs(27);
  step->predict(snapshot, batch.inputs, outputs);
  const StepLayout::Layer& last = memory.layout.layers.back();
  for (std::int64_t row = 0; row < 9; ++row)
    for (std::int64_t j = 0; j < 3; ++j)
      CHECK(memory.at<float>(last.output)[row * last.stride + j] ==
            Catch::Approx(outputs[static_cast<std::size_t>(3 * row + j)]).margin(narrow ? tolerance : 1e-6));
  CHECK(memory.state().sums.samples == 0);
  CHECK(memory.guard_is_whole());
}

TEST_CASE("weights go into the padded order and come back, and every tensor starts where vectors may") {
  const auto model = model_of(7, {dense(33, "relu"), dropout(0.5), dense(3, "softmax", {{"use_bias", false}})});
  const PaddedWeights padded(*model);
  const std::vector<float> flat = initial_weights(*model, 5);
  std::vector<float> spread(static_cast<std::size_t>(padded.size()), 7.0F), back(flat.size());
  padded.spread(flat, spread);
  padded.compact(spread, back);
  CHECK(back == flat);
  CHECK(std::count(spread.begin(), spread.end(), 7.0F) == 0);
  for (const PaddedLayer& layer : padded.layers()) {
    CHECK(layer.kernel % 64 == 0);
    CHECK(layer.stride % kPadding == 0);
  }
  CHECK(padded.layers()[1].bias == -1);
}

TEST_CASE("bf16 rounds to nearest, ties to even, and keeps infinities and NaNs") {
  CHECK(from_bfloat(to_bfloat(1.0F)) == 1.0F);
  CHECK(from_bfloat(to_bfloat(1.0F + 0x1p-8F)) == 1.0F);                // a tie: the even neighbor is below
  CHECK(from_bfloat(to_bfloat(1.0F + 3 * 0x1p-8F)) == 1.0F + 0x1p-6F);  // a tie: the even neighbor is above
  CHECK(from_bfloat(to_bfloat(1.0F + 0x1.2p-8F)) == 1.0F + 0x1p-7F);
  CHECK(from_bfloat(to_bfloat(255.0F)) == 255.0F);  // every pixel value is exact
  CHECK(std::isinf(from_bfloat(to_bfloat(INFINITY))));
  CHECK(std::isnan(from_bfloat(to_bfloat(NAN))));
}

TEST_CASE("buffers of a step do not overlap and start at 256 bytes") {
  const Batch batch = random_batch(31, 20, 5);
  TrainSpec spec = spec_of(model_of(20, {dense(33, "relu"), dropout(0.5), dense(5, "softmax")}),
                           Loss::categorical_crossentropy, one("adam", {{"clip_norm", 1.0}}), batch);
  spec.precision = Precision::bf16;
  const StepLayout layout(demand_of(spec));
  std::vector<std::size_t> starts{layout.raw_inputs, layout.raw_targets, layout.ids,      layout.inputs,
                                  layout.inputs16,   layout.targets,     layout.results,  layout.partials,
                                  layout.weights,    layout.weights16,   layout.gradient, layout.workspace};
  for (const std::size_t offset : layout.optimizer) starts.push_back(offset);
  for (const StepLayout::Layer& layer : layout.layers)
    for (const std::size_t offset : {layer.output, layer.output16}) starts.push_back(offset);
  std::sort(starts.begin(), starts.end());
  CHECK(std::adjacent_find(starts.begin(), starts.end()) == starts.end());
  CHECK(std::all_of(starts.begin(), starts.end(), [](std::size_t s) { return s % 256 == 0; }));
  CHECK(layout.side_workspace == layout.workspace + kWorkspaceBytes);  // two products at a time
  CHECK(layout.bytes == layout.side_workspace + kWorkspaceBytes);
}
