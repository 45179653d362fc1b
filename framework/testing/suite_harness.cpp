// Fault injection by counting: each use of the context (allocation, output, print, metrics) has a number, and the chosen one throws.
// What a stage sent becomes lines with hashes, to be compared.
#include "suite_harness.hpp"

#include "test_call.hpp"

#include <millrace/digest.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace millrace::testing {
namespace {

/// Counts a use of the context before each allocation.
class CountedAllocator final : public Allocator {
 public:
  CountedAllocator(Allocator& inner, std::function<void()> use) : inner_(inner), use_(std::move(use)) {}
  std::shared_ptr<std::byte> allocate(std::size_t bytes) override {
    use_();
    return inner_.allocate(bytes);
  }
  std::size_t live_bytes() const override { return inner_.live_bytes(); }
  std::size_t peak_bytes() const override { return inner_.peak_bytes(); }

 private:
  Allocator& inner_;
  std::function<void()> use_;
};

/// The CPU with its memory counted. Calls a function at each allocation.
class CountedCpu final : public Device {
 public:
  const DeviceId& id() const override { return cpu_->id(); }
  std::string describe() const override { return cpu_->describe(); }
  bool is_host() const override { return true; }
  Allocator& memory() override { return memory_; }
  Allocator& staging() override { return memory_; }
  std::unique_ptr<Stream> make_stream() override { return cpu_->make_stream(); }
  std::function<void()> on_allocation = [] {};

 private:
  std::unique_ptr<Device> cpu_ = open_device({"cpu", 0});
  CountedAllocator memory_{cpu_->memory(), [this] { on_allocation(); }};
};

void run_on_thread(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

std::string field_text(const Field& field) {
  return fmt::format(" {}={} {}", field.name, field.tensor.spec().describe(),
                     sha256_hex(std::span(field.tensor.bytes(), field.tensor.size_bytes())));
}

}  // namespace

SuiteHarness::SuiteHarness(const SuiteCase& one, const InputForm& form, const Scenario& scenario,
                           std::uint32_t first_epoch)
    : StageHarness(one.info, one.params, std::make_unique<CountedCpu>()),
      epochs_(scenario.size()),
      inputs_(make_host_allocator()) {
  auto& cpu = dynamic_cast<CountedCpu&>(device());
  cpu.on_allocation = [this] { use(); };
  memory_ = &cpu.memory();
  set_seed(one.seed);
  node_info_.epochs = static_cast<std::uint32_t>(epochs_);
  node_info_.first_epoch = first_epoch;
  for (const auto& [name, port] : form.inputs) set_input(name, with_rows(port, scenario));
  calls = make_calls(one, form, scenario, *inputs_, lease_);
  sent.resize(calls.size());
}

void SuiteHarness::use() {
  if (++uses_ != fails_at_) return;
  injected_ = true;
  throw Error(ErrorKind::run, "injected", "the suite lets this use of the context fail");
}

void SuiteHarness::fail_at(std::int64_t use) {
  uses_ = 0;
  fails_at_ = use;
}

void SuiteHarness::epoch_metrics(const Metrics& metrics) {
  use();
  StageHarness::epoch_metrics(metrics);
}

void SuiteHarness::print(std::string_view text) {
  use();
  StageHarness::print(text);
}

void SuiteHarness::collect(std::size_t index, std::size_t output, Packet packet) {
  use();
  sent[index].push_back({output_ports.name(output), std::move(packet)});
}

void SuiteHarness::call(std::size_t index) {
  TestClock clock;
  TestCall engine(device(), clock,
                  [&](std::size_t output, Packet packet) { collect(index, output, std::move(packet)); });
  process(engine, calls[index].packets, calls[index].port);
}

bool SuiteHarness::produce_once(std::uint32_t epoch) {
  sent.emplace_back();
  TestClock clock;
  TestCall engine(device(), clock,
                  [&](std::size_t output, Packet packet) { collect(sent.size() - 1, output, std::move(packet)); });
  return produce(engine, epoch);
}

void SuiteHarness::produce_epoch(std::uint32_t epoch, bool on_many_threads) {
  begin_epoch(epoch);
  for (bool last = false; !last;) {
    const auto one = [&] { last = produce_once(epoch); };
    on_many_threads ? run_on_thread(one) : one();
  }
}

void SuiteHarness::run_epoch(std::size_t epoch, bool on_many_threads) {
  if (info.kind == StageKind::source) return produce_epoch(static_cast<std::uint32_t>(epoch + 1), on_many_threads);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].epoch != epoch) continue;
    if (on_many_threads)
      run_on_thread([&] { call(i); });
    else
      call(i);
  }
}

void SuiteHarness::run_calls(std::size_t epoch, std::size_t first, std::size_t count) {
  std::size_t number = 0;
  for (std::size_t i = 0; i < calls.size(); ++i)
    if (calls[i].epoch == epoch && number++ >= first && number <= first + count) call(i);
}

std::size_t SuiteHarness::calls_in(std::size_t epoch) const {
  return static_cast<std::size_t>(
      std::count_if(calls.begin(), calls.end(), [&](const Call& call) { return call.epoch == epoch; }));
}

void SuiteHarness::run(bool on_many_threads) {
  for (std::size_t epoch = 0; epoch < epochs_; ++epoch) run_epoch(epoch, on_many_threads);
}

void SuiteHarness::run_out_of_order(std::size_t threads) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto part = [&](std::size_t which) {
    try {
      for (std::size_t i = calls.size(); i-- > 0;)
        if (i % threads == which) call(i);
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t t = 0; t < threads; ++t) workers.emplace_back(part, t);
  for (std::thread& worker : workers) worker.join();
  if (failure) std::rethrow_exception(failure);
}

void SuiteHarness::run_part() {
  if (info.kind == StageKind::source) {
    begin_epoch(1);
    produce_once(1);
    return;
  }
  for (std::size_t i = 0; i + 1 < calls.size() && calls[i + 1].epoch == 0; ++i) call(i);
}

void SuiteHarness::drop_all() {
  calls.clear();
  sent.clear();
  reported_metrics.clear();
  reported_model.reset();
  printed.clear();
}

std::size_t SuiteHarness::bytes_held() const { return memory_->live_bytes() + inputs_->live_bytes(); }

std::vector<Sent> SuiteHarness::all_sent() const {
  std::vector<Sent> all;
  for (const std::vector<Sent>& packets : sent) all.insert(all.end(), packets.begin(), packets.end());
  return all;
}

std::vector<std::string> lines_of(const std::vector<Sent>& packets) {
  std::vector<std::string> lines;
  for (const auto& [port, packet] : packets) {
    std::string line = fmt::format("{} epoch {} row {} rows {}{}", port, packet.header.epoch, packet.header.first_row,
                                   packet.rows, packet.header.last_in_epoch ? " last" : "");
    const auto ids = packet.sample_ids();
    line += " ids " + sha256_hex(std::as_bytes(ids));
    for (const Field& field : packet.fields) line += field_text(field);
    if (packet.model) line += " model " + packet.model->weights_sha256();
    if (packet.metrics)
      for (const auto& [name, value] : packet.metrics->values) line += fmt::format(" {}={}", name, value);
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace millrace::testing
