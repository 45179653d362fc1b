// Measures the training step of a device alone, on made-up MNIST-shaped rows, and the copies that feed it.
//
//   gpu_step step DEVICE BATCH PRECISION PLACE [ROWS] [EPOCHS]   PLACE: shuffled, resident, pinned or pageable
//   gpu_step copy DEVICE
//
// `shuffled` and `resident` lie on the device; `shuffled` brings the rows of each epoch together in an order of its own, as a run
// with `cache: device` does, `resident` takes them as they lie. Prints one JSON object. DEVICE is cpu, cuda or cuda:N; exit code 5 when it is not there.
#include "mnist_model.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <future>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace millrace;
using bench::mnist_model;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Rows of random bytes below `below`, where `place` says.
Tensor bytes(Device& device, const std::string& place, std::int64_t rows, TensorSpec spec, std::uint32_t below) {
  static const std::unique_ptr<Allocator> pageable = make_host_allocator();
  const std::size_t size = static_cast<std::size_t>(rows) * spec.stored_row_bytes();
  const std::shared_ptr<std::byte> host = (place == "pinned" ? device.staging() : *pageable).allocate(size);
  std::uint32_t x = 1;
  for (std::size_t i = 0; i < size; ++i)
    host.get()[i] = static_cast<std::byte>(((x = x * 1664525U + 1013904223U) >> 16) % below);
  if (place == "pinned" || place == "pageable") return {std::move(spec), rows, host, nullptr};
  const std::shared_ptr<std::byte> there = device.memory().allocate(size);
  const auto stream = device.make_stream();
  stream->copy(there.get(), host.get(), size);
  stream->record().synchronize();
  return {std::move(spec), rows, there, nullptr};
}

struct Data {
  Tensor x, y;
  std::vector<std::uint64_t> ids;
};

/// Where an epoch takes its batches from: the rows as they lie, or in an order of the epoch.
class Batches {
 public:
  Batches(Device& device, const Data& data, std::int64_t batch, bool shuffled)
      : device_(device), data_(data), group_rows_(kGroup * batch), stream_(shuffled ? device.make_stream() : nullptr) {}

  void begin(std::uint32_t epoch) {
    group_ = {};
    group_first_ = 0;
    if (!stream_) return;
    const std::size_t bytes = static_cast<std::size_t>(data_.x.rows()) * sizeof(std::uint32_t);
    order_ = next_order_.valid() ? next_order_.get() : order_of(epoch);
    next_order_ = std::async(std::launch::async, [this, epoch] { return order_of(epoch + 1); });
    order_on_device_ = device_.memory().allocate(bytes);
    stream_->copy(order_on_device_.get(), order_.get(), bytes);
  }

  /// Rows [first, first + count) of the epoch. Called from the first row to the last.
  Data rows(std::int64_t first, std::int64_t count) {
    if (!stream_) return {data_.x.slice(first, count), data_.y.slice(first, count), {}};
    if (!group_.x || first >= group_first_ + group_.x.rows()) gather(first);
    return {group_.x.slice(first - group_first_, count), group_.y.slice(first - group_first_, count), {}};
  }

 private:
  static constexpr std::int64_t kGroup = 16;  ///< batches that are gathered together

  std::shared_ptr<std::byte> order_of(std::uint32_t epoch) {
    const auto rows = static_cast<std::size_t>(data_.x.rows());
    auto numbers = device_.staging().allocate(rows * sizeof(std::uint32_t));
    auto* first = reinterpret_cast<std::uint32_t*>(numbers.get());
    std::iota(first, first + rows, 0U);
    std::shuffle(first, first + rows, std::mt19937(epoch));
    return numbers;
  }

  void gather(std::int64_t first) {
    group_first_ = first;
    const std::int64_t count = std::min(group_rows_, data_.x.rows() - first);
    const auto x = device_.memory().allocate(static_cast<std::size_t>(count) * data_.x.spec().stored_row_bytes());
    const auto y = device_.memory().allocate(static_cast<std::size_t>(count) * data_.y.spec().stored_row_bytes());
    const auto* numbers = reinterpret_cast<const std::uint32_t*>(order_on_device_.get()) + first;
    const RowGather jobs[] = {job(x.get(), data_.x, numbers, count), job(y.get(), data_.y, numbers, count)};
    stream_->gather(jobs);
    const Event ready = stream_->record();
    group_ = {{data_.x.spec(), count, x, nullptr, ready}, {data_.y.spec(), count, y, nullptr, ready}, {}};
  }
  static RowGather job(std::byte* to, const Tensor& table, const std::uint32_t* numbers, std::int64_t count) {
    return {to, table.bytes(), table.rows(), table.spec().stored_row_bytes(), numbers, count};
  }

  Device& device_;
  const Data& data_;
  std::int64_t group_rows_, group_first_ = 0;
  std::unique_ptr<Stream> stream_;  ///< null: the rows as they lie
  std::shared_ptr<std::byte> order_, order_on_device_;
  std::future<std::shared_ptr<std::byte>> next_order_;  ///< made ahead, as the loader of a run does
  Data group_;
};

/// Seconds of one epoch, from the first batch to the last sum.
double pass(TrainStep& step, const Data& data, Batches& batches, std::int64_t batch, std::uint32_t epoch,
            BatchSums& sums) {
  const double start = now();
  batches.begin(epoch);
  for (std::int64_t first = 0; first < data.x.rows(); first += batch) {
    const std::int64_t count = std::min(batch, data.x.rows() - first);
    const auto [inputs, targets, none] = batches.rows(first, count);
    TrainBatch b;
    b.inputs = &inputs;
    b.targets = &targets;
    b.epoch = epoch;
    b.sample_ids = std::span(data.ids).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    sums.add(step.train(b));
  }
  sums.add(step.take_sums());
  return now() - start;
}

int measure_step(Device& device, std::int64_t batch, const std::string& precision, const std::string& place,
                 std::int64_t rows, int epochs) {
  Data data;
  data.x = bytes(device, place, rows, {DType::f32, {784}, {}, {EncodingKind::affine_u8, 1.0F / 255.0F, 0, 0}, {}}, 256);
  data.y = bytes(device, place, rows, {DType::f32, {10}, {}, {EncodingKind::indicator, 1, 0, 10}, {}}, 10);
  data.ids.resize(static_cast<std::size_t>(rows));
  std::iota(data.ids.begin(), data.ids.end(), 0U);
  TrainSpec spec;
  spec.model = mnist_model();
  spec.optimizer = {default_optimizer().alternative(), default_optimizer().alternative_params()};
  spec.seed = 42;
  spec.max_batch_rows = batch;
  spec.inputs = data.x.spec();
  spec.targets = data.y.spec();
  spec.precision = precision_from(precision);
  const double opened = now();
  const auto step = make_train_step(device, spec);
  const double made = now() - opened;
  std::vector<double> seconds;
  BatchSums sums;
  Batches batches(device, data, batch, place == "shuffled");
  for (int epoch = 1; epoch <= epochs; ++epoch)
    seconds.push_back(pass(*step, data, batches, batch, static_cast<std::uint32_t>(epoch), sums));
  const auto steps = static_cast<double>((rows + batch - 1) / batch);
  fmt::print(
      "{{\"device\":\"{}\",\"batch\":{},\"precision\":\"{}\",\"place\":\"{}\",\"rows\":{},\"epochs\":{},"
      "\"seconds_an_epoch\":{:.6f},\"best_seconds_an_epoch\":{:.6f},\"us_a_step\":{:.3f},\"make_seconds\":{:.4f},"
      "\"loss\":{:.6f},\"weights_sha256\":\"{}\"}}\n",
      device.describe(), batch, precision, place, rows, epochs, median(seconds),
      *std::min_element(seconds.begin(), seconds.end()), 1e6 * median(seconds) / steps, made, sums.loss / sums.samples,
      step->snapshot(0)->weights_sha256());
  return 0;
}

/// Median microseconds of a copy of `bytes` with the wait for its event.
double copy_us(Stream& stream, std::byte* to, const std::byte* from, std::size_t size) {
  std::vector<double> times;
  for (int i = 0; i < 200; ++i) {
    const double start = now();
    stream.copy(to, from, size);
    stream.record().synchronize();
    times.push_back(1e6 * (now() - start));
  }
  return median(times);
}

int measure_copies(Device& device) {
  constexpr std::size_t kSmall = 4, kBatch = 1600 << 10, kLarge = std::size_t{64} << 20;
  const auto pageable = make_host_allocator();
  const auto host = pageable->allocate(kLarge), pinned = device.staging().allocate(kLarge),
             there = device.memory().allocate(kLarge);
  std::fill_n(host.get(), kLarge, std::byte{1});
  std::fill_n(pinned.get(), kLarge, std::byte{1});
  const auto stream = device.make_stream();
  fmt::print("{{\"device\":\"{}\"", device.describe());
  for (const std::size_t size : {kSmall, kBatch, kLarge})
    fmt::print(",\"pinned_{0}_us\":{1:.2f},\"pageable_{0}_us\":{2:.2f},\"back_{0}_us\":{3:.2f}", size,
               copy_us(*stream, there.get(), pinned.get(), size), copy_us(*stream, there.get(), host.get(), size),
               copy_us(*stream, pinned.get(), there.get(), size));
  fmt::print("}}\n");
  return 0;
}

int run(const std::vector<std::string>& words) {
  const auto device = open_device(choose_device(words[1]).id);
  if (words[0] == "copy") return measure_copies(*device);
  const auto number = [&](std::size_t i, std::int64_t otherwise) {
    return words.size() > i ? std::atoll(words[i].c_str()) : otherwise;
  };
  return measure_step(*device, number(2, 0), words[3], words[4], number(5, 60000), static_cast<int>(number(6, 5)));
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() >= 2 && (words[0] == "copy" || (words[0] == "step" && words.size() >= 5))) return run(words);
  fmt::print(stderr, "usage: gpu_step step DEVICE BATCH PRECISION PLACE [ROWS] [EPOCHS] | gpu_step copy DEVICE\n");
  return 2;
} catch (const millrace::Error& error) {
  fmt::print(stderr, "{}", error.render());
  return error.exit_code();
}
