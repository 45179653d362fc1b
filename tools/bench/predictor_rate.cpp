// Measures a Predictor on rows in memory: one row a call beside plain matrix-vector products of its layers, and all rows in one call beside the evaluator's
// pass over them. Rivals take turns in one process.
//
//   predictor_rate PATH ROWS.idx REPEATS THREADS   PATH: a run's folder or a file of its model; one JSON object a line, one line a repeat
#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/predictor.hpp>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

using namespace millrace;
using Bytes = std::vector<std::uint8_t>;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// y = x * w, w [inputs, outputs] row-major: what one would write without a library. It goes once through w in the order in which that lies.
void multiply_by_rows(const float* __restrict x, const float* __restrict w, std::int64_t inputs, std::int64_t outputs,
                      float* __restrict y) {
  for (std::int64_t j = 0; j < outputs; ++j) y[j] = 0;
  for (std::int64_t i = 0; i < inputs; ++i)
    for (std::int64_t j = 0; j < outputs; ++j) y[j] += x[i] * w[i * outputs + j];
}

/// The same with w [outputs, inputs]: a sum for each output, in lanes, so that it is vectorized.
void multiply_by_sums(const float* __restrict x, const float* __restrict w, std::int64_t inputs, std::int64_t outputs,
                      float* __restrict y) {
  constexpr std::int64_t kLanes = 32;
  for (std::int64_t j = 0; j < outputs; ++j) {
    float lanes[kLanes] = {};
    const float* row = w + j * inputs;
    std::int64_t i = 0;
    for (; i + kLanes <= inputs; i += kLanes)
      for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] += x[i + k] * row[i + k];
    float sum = 0;
    for (const float lane : lanes) sum += lane;
    for (; i < inputs; ++i) sum += x[i] * row[i];
    y[j] = sum;
  }
}

/// The layers' products alone, one behind the other: no bias, no activation, no preparation.
class PlainProducts {
 public:
  explicit PlainProducts(const ModelSnapshot& model) : model_(model), turned_(model.weights().size()) {
    for (const LayerSpec& layer : model.model().layers) {
      for (std::int64_t i = 0; i < layer.inputs; ++i)
        for (std::int64_t j = 0; j < layer.outputs; ++j)
          turned_[at(layer) + static_cast<std::size_t>(j * layer.inputs + i)] =
              model.weights()[at(layer) + static_cast<std::size_t>(i * layer.outputs + j)];
      widest_ = std::max({widest_, layer.inputs, layer.outputs});
    }
    values_.assign(2, std::vector<float>(static_cast<std::size_t>(widest_), 0.5F));
  }

  template <class Multiply>
  float run(Multiply multiply, const float* weights) {
    for (const LayerSpec& layer : model_.model().layers) {
      multiply(values_[0].data(), weights + at(layer), layer.inputs, layer.outputs, values_[1].data());
      std::swap(values_[0], values_[1]);
    }
    return values_[0][0];
  }
  float by_rows() { return run(multiply_by_rows, model_.weights().data()); }
  float by_sums() { return run(multiply_by_sums, turned_.data()); }

 private:
  static std::size_t at(const LayerSpec& layer) { return static_cast<std::size_t>(layer.kernel_offset); }

  const ModelSnapshot& model_;
  std::vector<float> turned_;
  std::int64_t widest_ = 0;
  std::vector<std::vector<float>> values_;
};

/// The median of so many calls, in seconds.
template <class Call>
double median_of(int calls, Call call) {
  std::vector<double> seconds;
  for (int i = 0; i < calls; ++i) {
    const double start = now();
    call(i);
    seconds.push_back(now() - start);
  }
  std::nth_element(seconds.begin(), seconds.begin() + calls / 2, seconds.end());
  return seconds[static_cast<std::size_t>(calls / 2)];
}

Bytes rows_of(const char* path) {
  constexpr std::ptrdiff_t kHeader = 16;  // of three dimensions
  std::ifstream file(path, std::ios::binary);
  const Bytes all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return all.size() < kHeader ? Bytes() : Bytes(all.begin() + kHeader, all.end());
}

/// A pass of the evaluator over all rows, as the run's own makes it: bytes scaled as they are decoded, targets of class 0.
class Evaluator {
 public:
  static constexpr std::int64_t kBatchRows = 1000;

  Evaluator(const Predictor& predictor, const Bytes& rows)
      : model_(predictor.model()),
        device_(open_device({"cpu", 0})),
        inputs_{DType::f32, {model_.model().inputs}, {}, {EncodingKind::affine_u8, 1.0F / 255.0F, 0, 0}, {}},
        targets_{DType::f32,
                 {model_.model().outputs()},
                 {},
                 {EncodingKind::indicator, 1, 0, static_cast<std::int32_t>(model_.model().outputs())},
                 {}},
        rows_(static_cast<std::int64_t>(rows.size()) / model_.model().inputs),
        x_(inputs_, rows_, view(rows.data()), nullptr),
        zeros_(static_cast<std::size_t>(rows_)),
        y_(targets_, rows_, view(zeros_.data()), nullptr),
        step_(make_evaluation_step(*device_, std::make_shared<const ModelSpec>(model_.model()), model_.loss(), inputs_,
                                   targets_, kBatchRows)) {}

  double pass() {
    double loss = 0;
    for (std::int64_t first = 0; first < rows_; first += kBatchRows) {
      const std::int64_t count = std::min(kBatchRows, rows_ - first);
      const Tensor x = x_.slice(first, count), y = y_.slice(first, count);
      TrainBatch batch;
      batch.inputs = &x;
      batch.targets = &y;
      loss += mean_of("loss", step_->evaluate(model_, batch));
    }
    return loss;
  }
  std::int64_t rows() const { return rows_; }

 private:
  static std::shared_ptr<const std::byte> view(const std::uint8_t* bytes) {
    return {std::shared_ptr<const std::byte>(), reinterpret_cast<const std::byte*>(bytes)};
  }

  const ModelSnapshot& model_;
  std::unique_ptr<Device> device_;
  TensorSpec inputs_, targets_;
  std::int64_t rows_;
  Tensor x_;
  Bytes zeros_;
  Tensor y_;
  std::unique_ptr<EvaluationStep> step_;
};

double sink = 0;  ///< what is computed is used

void measure(const Predictor& predictor, const Bytes& rows) {
  constexpr int kCalls = 400, kPasses = 5;
  const auto one = static_cast<std::size_t>(predictor.model().model().inputs);
  PlainProducts plain(predictor.model());
  Evaluator evaluator(predictor, rows);
  std::vector<float> outputs(static_cast<std::size_t>(predictor.outputs()));
  std::vector<float> all(static_cast<std::size_t>(evaluator.rows() * predictor.outputs()));
  const auto row_at = [&](int i) {
    return std::span(rows).subspan(static_cast<std::size_t>(i) % (rows.size() / one) * one, one);
  };
  const double row = median_of(kCalls, [&](int i) { predictor.predict(row_at(i), outputs); });
  const double by_rows = median_of(kCalls, [&](int) { sink += plain.by_rows(); });
  const double by_sums = median_of(kCalls, [&](int) { sink += plain.by_sums(); });
  const double batch = median_of(kPasses, [&](int) { predictor.predict(rows, all); });
  const double pass = median_of(kPasses, [&](int) { sink += evaluator.pass(); });
  std::printf(
      "{\"rows\":%lld,\"row_us\":%.2f,\"product_by_rows_us\":%.2f,\"product_by_sums_us\":%.2f,\"all_ms\":%.3f,"
      "\"evaluator_ms\":%.3f}\n",
      static_cast<long long>(evaluator.rows()), 1e6 * row, 1e6 * by_rows, 1e6 * by_sums, 1e3 * batch, 1e3 * pass);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) {
    std::fputs("usage: predictor_rate PATH ROWS.idx REPEATS THREADS\n", stderr);
    return 2;
  }
  const millrace::Predictor predictor(argv[1]);
  const Bytes rows = rows_of(argv[2]);
  const int threads = std::atoi(argv[4]);
  tbb::global_control limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads));
  tbb::task_arena arena(threads);
  arena.execute([&] {
    for (int i = 0; i < std::atoi(argv[3]); ++i) measure(predictor, rows);
  });
  return sink == 0.25 ? 3 : 0;
} catch (const millrace::Error& error) {
  std::fputs(error.render().c_str(), stderr);
  return error.exit_code();
}
