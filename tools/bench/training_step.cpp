// Measures the CPU training step alone, on made-up MNIST-shaped rows already in memory, and the matrix product it is made of.
//
//   training_step THREADS BATCH [ROWS]   one JSON object: seconds for ROWS rows, GFLOP/s of the step and of one thread's sgemm
#include "mnist_model.hpp"
#include "nn/cpu/kernels/gemm.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace {

using namespace millrace;
using bench::mnist_model;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Tensor bytes(std::int64_t rows, RowShape shape, Encoding encoding, std::uint32_t below, Allocator& allocator) {
  OutTensor out(TensorSpec{DType::f32, std::move(shape), {}, encoding, {}}, rows, allocator);
  std::uint32_t x = 1;
  for (std::uint8_t& value : out.values<std::uint8_t>())
    value = static_cast<std::uint8_t>(((x = x * 1664525U + 1013904223U) >> 16) % below);
  return std::move(out).freeze();
}

/// Best of several products [batch, 784] x [784, 512] on this thread alone, in GFLOP/s.
double sgemm_rate() {
  constexpr std::int64_t kRows = 1024, kInputs = 784, kOutputs = 512;
  std::vector<float> a(kRows * kInputs, 0.5F), b(kInputs * kOutputs, 0.25F), c(kRows * kOutputs);
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const double start = now();
    cpu::multiply(kRows, kOutputs, kInputs, {a.data(), kInputs}, {b.data(), kOutputs}, {c.data(), kOutputs});
    best = std::min(best, now() - start);
  }
  return 2e-9 * kRows * kInputs * kOutputs / best;
}

/// Floating-point operations of the products of one row: forward, weight gradients, and input gradients but the first.
double flop_per_row(const ModelSpec& model) {
  double sum = 0;
  for (std::size_t i = 0; i < model.layers.size(); ++i)
    sum += 2.0 * static_cast<double>(model.layers[i].inputs * model.layers[i].outputs) * (i == 0 ? 2 : 3);
  return sum;
}

double seconds_of(TrainStep& step, std::int64_t rows, std::int64_t batch, const Tensor& x, const Tensor& y,
                  const std::vector<std::uint64_t>& ids) {
  const double start = now();
  for (std::int64_t first = 0; first < rows; first += batch) {
    const std::int64_t count = std::min(batch, rows - first);
    const Tensor inputs = x.slice(first, count), targets = y.slice(first, count);
    TrainBatch b;
    b.inputs = &inputs;
    b.targets = &targets;
    b.epoch = 1;
    b.sample_ids = std::span(ids).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    step.train(b);
  }
  return now() - start;
}

int run(int threads, std::int64_t batch, std::int64_t rows) {
  const auto device = open_device({"cpu", 0});
  const Encoding pixels{EncodingKind::affine_u8, 1.0F / 255.0F, 0, 0}, classes{EncodingKind::indicator, 1, 0, 10};
  const Tensor x = bytes(rows, {784}, pixels, 256, device->memory()),
               y = bytes(rows, {10}, classes, 10, device->memory());
  std::vector<std::uint64_t> ids(static_cast<std::size_t>(rows));
  std::iota(ids.begin(), ids.end(), 0U);
  TrainSpec spec;
  spec.model = mnist_model();
  spec.optimizer = {default_optimizer().alternative(), default_optimizer().alternative_params()};
  spec.max_batch_rows = batch;
  spec.inputs = x.spec();
  spec.targets = y.spec();
  const auto step = make_train_step(*device, spec);
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  double seconds = 0;
  arena.execute([&] {
    seconds_of(*step, std::min<std::int64_t>(rows, 20 * batch), batch, x, y, ids);  // first touch of the memory
    seconds = seconds_of(*step, rows, batch, x, y, ids);
  });
  const double rate = 1e-9 * flop_per_row(*spec.model) * static_cast<double>(rows) / seconds;
  std::printf("{\"threads\":%d,\"batch\":%lld,\"rows\":%lld,\"seconds\":%.4f,\"gflops\":%.1f,\"sgemm_gflops\":%.1f}\n",
              threads, static_cast<long long>(batch), static_cast<long long>(rows), seconds, rate, sgemm_rate());
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::fputs("usage: training_step THREADS BATCH [ROWS]\n", stderr);
    return 2;
  }
  return run(std::atoi(argv[1]), std::atoll(argv[2]), argc > 3 ? std::atoll(argv[3]) : 60000);
} catch (const millrace::Error& error) {
  std::fputs(error.render().c_str(), stderr);
  return error.exit_code();
}
