// Every layer, loss and optimizer on every device that this machine has, against float64. On a machine without a GPU only the
// CPU is looked at, and the program says why.
#include "nn_activations.hpp"
#include "nn_run.hpp"

#include <millrace/device.hpp>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>

using namespace millrace;
using namespace millrace::nn_test;

namespace {

/// The devices of this machine, opened once. Says once which kinds are missing.
std::vector<Device*> devices() {
  static const std::vector<std::unique_ptr<Device>> opened = [] {
    std::vector<std::unique_ptr<Device>> found;
    for (const DeviceReport& report : list_devices()) {
      if (report.available)
        found.push_back(open_device({report.kind, report.index}));
      else
        std::printf("skipped: %s: %s\n", report.kind.c_str(), report.detail.c_str());
    }
    return found;
  }();
  std::vector<Device*> views;
  for (const auto& device : opened) views.push_back(device.get());
  return views;
}

std::vector<Device*> gpus() {
  std::vector<Device*> found;
  for (Device* device : devices())
    if (!device->is_host()) found.push_back(device);
  return found;
}

// Twenty steps of float32 roundings, as in nn_training_test.cpp.
constexpr double kFloat32 = 2e-5;

const List kSmallModel{dense(33, "relu", {{"l2", 1e-3}}), dense(24, "relu"), dense(17, "tanh"), dense(5, "softmax")};

TrainSpec small_spec(const Batch& batch, const ParamValue& optimizer) {
  return spec_of(model_of(20, kSmallModel), Loss::categorical_crossentropy, optimizer, batch);
}

}  // namespace

TEST_CASE("parity: every optimizer follows float64 on every device") {
  const ParamValue optimizer = GENERATE(from_range(optimizers_to_train()));
  const Batch batch = random_batch(31, 20, 5);
  const TrainSpec spec = small_spec(batch, optimizer);
  const Run expected = trained_in_doubles(spec, batch, 20);
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()), optimizer.render());
    check_close(trained(*device, spec, batch, 20), expected, kFloat32);
  }
}

TEST_CASE("parity: every activation and loss follows float64 on every device") {
  const char* hidden = GENERATE(from_range(hidden_activations()));
  const bool use_bias = GENERATE(true, false);
  const auto [loss, last] = GENERATE(table<Loss, const char*>({{Loss::categorical_crossentropy, "softmax"},
                                                               {Loss::binary_crossentropy, "sigmoid"},
                                                               {Loss::mse, "linear"},
                                                               {Loss::mse, "relu"},
                                                               {Loss::mse, "softmax"}}));
  const Batch batch = random_batch(9, 7, 3);
  const List layers{dense(18, hidden, {{"use_bias", use_bias}}), dense(6, hidden),
                    dense(3, last, {{"use_bias", use_bias}})};
  const TrainSpec spec = spec_of(model_of(7, layers), loss, one("sgd", {{"learning_rate", 0.1}}), batch);
  const Run expected = trained_in_doubles(spec, batch, 5);
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()), hidden, last, use_bias);
    check_close(trained(*device, spec, batch, 5), expected, kFloat32);
  }
}

TEST_CASE("parity: batches of many rows and wide outputs follow float64 on every device") {
  const std::int64_t outputs = GENERATE(1, 10, 16, 17, 40);
  const std::int64_t rows = GENERATE(3, 301);
  const Batch batch = random_batch(rows, 12, outputs);
  const List layers{dense(33, "relu"), dense(outputs, "sigmoid")};
  const TrainSpec spec =
      spec_of(model_of(12, layers), Loss::binary_crossentropy, one("sgd", {{"learning_rate", 0.1}}), batch);
  const Run expected = trained_in_doubles(spec, batch, 5);
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()), outputs, rows);
    check_close(trained(*device, spec, batch, 5), expected, kFloat32);
  }
}

TEST_CASE("parity: dropout, class ids, bytes and short batches give what the CPU gives") {
  const Encoding pixels{EncodingKind::affine_u8, 1.0F / 255.0F, 0, 0};
  std::vector<std::uint8_t> bytes(16 * 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 % 251);
  TensorSpec affine{DType::f32, {20}, {}, pixels, {}};
  const Tensor inputs = testing::rows<std::uint8_t>({20}, bytes).viewed_as(affine), targets = class_ids(16, 5);
  const Batch full = batch_of(inputs, targets), part = batch_of(inputs.slice(3, 5), targets.slice(3, 5));
  const List layers{dropout(0.2), dense(32, "relu"), dropout(0.3), dense(24, "relu"), dense(5, "softmax")};
  const TrainSpec spec = spec_of(model_of(20, layers), Loss::categorical_crossentropy, one("rmsprop"), full);
  const auto reference = make_train_step(cpu(), spec);
  std::vector<BatchSums> expected;
  for (const Batch* batch : {&full, &part, &full}) expected.push_back(sums_of(*reference, *batch));
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()));
    const auto step = make_train_step(*device, spec);
    std::size_t i = 0;
    for (const Batch* batch : {&full, &part, &full}) {
      const BatchSums sums = sums_of(*step, *batch);
      CHECK(sums.samples == expected[i].samples);
      CHECK(sums.loss == Catch::Approx(expected[i].loss).epsilon(1e-5));
      CHECK(sums.correct == expected[i].correct);
      ++i;
    }
    check_close({{}, to_doubles(weights_of(*step)), {}}, {{}, to_doubles(weights_of(*reference)), {}}, kFloat32);
  }
}

TEST_CASE("parity: evaluation and prediction on every device") {
  const auto model = model_of(6, {dropout(0.5), dense(17, "relu", {{"l2", 0.01}}), dense(3, "softmax")});
  const Batch batch = random_batch(9, 6, 3);
  const ModelSnapshot snapshot(model, Loss::categorical_crossentropy, 1, initial_weights(*model, 1));
  const auto measure = [&](Device& device, std::vector<float>& outputs) {
    const auto step =
        make_evaluation_step(device, model, snapshot.loss(), batch.inputs.spec(), batch.targets.spec(), 12);
    BatchSums sums = step->evaluate(snapshot, batch.view());
    sums.add(step->take_sums());
    step->predict(snapshot, batch.inputs, outputs);
    return sums;
  };
  std::vector<float> expected_outputs(27), outputs(27);
  const BatchSums expected = measure(cpu(), expected_outputs);
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()));
    const BatchSums sums = measure(*device, outputs);
    CHECK(sums.loss == Catch::Approx(expected.loss).epsilon(1e-5));
    CHECK(sums.penalty == Catch::Approx(expected.penalty).epsilon(1e-9));
    CHECK(sums.correct == expected.correct);
    for (std::size_t i = 0; i < outputs.size(); ++i)
      CHECK(outputs[i] == Catch::Approx(expected_outputs[i]).margin(1e-5));
  }
}

TEST_CASE("parity: coarser products stay within their roundings; a device without them computes in float32") {
  const auto [precision, tolerance] =
      GENERATE(table<Precision, double>({{Precision::tf32, 2e-3}, {Precision::bf16, 2e-2}}));
  const Batch batch = random_batch(31, 20, 5);
  TrainSpec spec = small_spec(batch, one("sgd", {{"learning_rate", 0.05}}));
  const Run expected = trained_in_doubles(spec, batch, 10);
  spec.precision = precision;
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()), to_string(precision));
    check_close(trained(*device, spec, batch, 10), expected, device->is_host() ? kFloat32 : tolerance);
  }
}

TEST_CASE("parity: two trainings give the same bits on every device") {
  const Batch batch = random_batch(128, 20, 5);
  const TrainSpec spec = small_spec(batch, one("adam", {{"clip_norm", 0.5}}));
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()));
    CHECK(trained(*device, spec, batch, 20).hash == trained(*device, spec, batch, 20).hash);
  }
}

TEST_CASE("parity: a step that is saved and loaded goes on with the same bits, after divergence too") {
  const Batch batch = random_batch(31, 20, 5);
  const TrainSpec spec = small_spec(batch, one("adam"));
  const Batch bad = batch_of(testing::rows<float>({20}, std::vector<float>(31 * 20, INFINITY)), batch.targets);
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()));
    const auto step = make_train_step(*device, spec), other = make_train_step(*device, spec);
    for (int i = 0; i < 3; ++i) sums_of(*step, batch);
    StageState state;
    step->save(state);
    CHECK_THROWS_AS(sums_of(*other, bad), Error);
    other->load(state);
    sums_of(*step, batch);
    sums_of(*other, batch);
    CHECK(other->snapshot(0)->weights_sha256() == step->snapshot(0)->weights_sha256());
  }
}

TEST_CASE("parity: a loss that is not finite is reported, with the weights as they were") {
  const Batch good = random_batch(4, 3, 2);
  const Batch bad = batch_of(testing::rows<float>({3}, std::vector<float>(12, 1e38F)), good.targets);
  const TrainSpec spec = spec_of(model_of(3, {dense(8, "relu"), dense(2, "linear")}), Loss::mse, one("adam"), good);
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()));
    const auto step = make_train_step(*device, spec);
    sums_of(*step, good);
    const std::vector<float> before = weights_of(*step);
    CHECK_THROWS_AS(sums_of(*step, bad), Error);
    CHECK(weights_of(*step) == before);
  }
}

TEST_CASE("a hundred openings of each GPU leave its memory as it was") {
  const Batch batch = random_batch(31, 20, 5);
  const TrainSpec spec = small_spec(batch, one("adam"));
  for (Device* gpu : gpus()) {
    const auto run = [&] {
      const auto device = open_device(gpu->id());
      trained(*device, spec, batch, 2);
      CHECK(device->memory().live_bytes() == 0);
      CHECK(device->staging().live_bytes() == 0);
    };
    const auto free_bytes = [&] {
      for (const DeviceReport& report : list_devices())
        if (DeviceId{report.kind, report.index} == gpu->id()) return report.memory_free_bytes;
      return std::size_t{0};
    };
    run();
    const std::size_t before = free_bytes();
    for (int i = 0; i < 100; ++i) run();
    CHECK(free_bytes() + (std::size_t{8} << 20) >= before);
  }
}

TEST_CASE("a copy to a GPU and back is whole, and its event comes when it is done") {
  for (Device* gpu : gpus()) {
    const std::size_t bytes = std::size_t{3} << 20;
    const auto up = gpu->staging().allocate(bytes), down = gpu->staging().allocate(bytes);
    const auto there = gpu->memory().allocate(bytes);
    for (std::size_t i = 0; i < bytes; ++i) up.get()[i] = static_cast<std::byte>(i * 131 % 251);
    const auto first = gpu->make_stream(), second = gpu->make_stream();
    first->copy(there.get(), up.get(), bytes);
    second->wait(first->record());
    second->copy(down.get(), there.get(), bytes);
    const Event end = second->record();
    end.synchronize();
    CHECK(end.done());
    CHECK(std::equal(up.get(), up.get() + bytes, down.get()));
  }
}

TEST_CASE("rows of a table are gathered on every device as on the host") {
  for (Device* device : devices()) {
    CAPTURE(to_string(device->id()));
    for (const std::size_t row_bytes : {1U, 12U, 784U}) {
      constexpr std::int64_t kTableRows = 500, kRows = 333;
      const auto copied = [&](const void* from, std::size_t bytes) {
        const auto memory = device->staging().allocate(bytes);
        std::memcpy(memory.get(), from, bytes);
        return memory;
      };
      std::vector<std::byte> table(kTableRows * row_bytes), expected(kRows * row_bytes);
      std::vector<std::uint32_t> rows(kRows);
      for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<std::byte>(i * 131 % 251);
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint32_t>(i * 37 % kTableRows);
      gather_on_host({expected.data(), table.data(), kTableRows, row_bytes, rows.data(), kRows});
      const auto from = copied(table.data(), table.size()), numbers = copied(rows.data(), rows.size() * 4);
      const auto table_there = device->memory().allocate(table.size());
      const auto rows_there = device->memory().allocate(rows.size() * 4);
      const auto there = device->memory().allocate(expected.size());
      const auto back = device->staging().allocate(expected.size());
      const auto stream = device->make_stream();
      stream->copy(table_there.get(), from.get(), table.size());
      stream->copy(rows_there.get(), numbers.get(), rows.size() * 4);
      const RowGather gather{there.get(),
                             table_there.get(),
                             kTableRows,
                             row_bytes,
                             reinterpret_cast<const std::uint32_t*>(rows_there.get()),
                             kRows};
      stream->gather({&gather, 1});
      stream->copy(back.get(), there.get(), expected.size());
      stream->record().synchronize();
      CHECK(std::equal(expected.begin(), expected.end(), back.get()));
    }
  }
}
