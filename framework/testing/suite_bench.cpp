#include "suite_bench.hpp"

#include "packet_checks.hpp"

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

/// The CPU with its memory counted. Whoever waits behind it is told of each allocation.
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

Bench::Bench(const SuiteCase& one, const InputForm& form, const Scenario& scenario, std::uint32_t first_pass)
    : StageHost(one.info, one.params, std::make_unique<CountedCpu>()),
      passes_(scenario.size()),
      inputs_(make_host_allocator()) {
  auto& cpu = dynamic_cast<CountedCpu&>(device());
  cpu.on_allocation = [this] { use(); };
  memory_ = &cpu.memory();
  seed_value = one.seed;
  epoch_count = static_cast<std::uint32_t>(passes_);
  first = first_pass;
  for (const auto& [name, port] : form.inputs) set_input(name, with_rows(port, scenario));
  calls = make_calls(one, form, scenario, *inputs_, token_);
  sent.resize(calls.size());
}

void Bench::use() {
  if (++uses_ != fails_at_) return;
  injected_ = true;
  throw Error(ErrorKind::run, "injected", "the suite lets this use of the context fail");
}

void Bench::fail_at(std::int64_t use) {
  uses_ = 0;
  fails_at_ = use;
}

void Bench::epoch_metrics(const Metrics& metrics) {
  use();
  StageHost::epoch_metrics(metrics);
}

void Bench::print(std::string_view text) {
  use();
  StageHost::print(text);
}

void Bench::collect(std::size_t index, std::string_view port, Packet packet) {
  use();
  output(port);  // throws for a port that there is not
  sent[index].push_back({std::string(port), std::move(packet)});
}

void Bench::require_one_each(const std::vector<Sent>& packets) const {
  for (const auto& [name, spec] : outputs) {
    const auto count =
        std::count_if(packets.begin(), packets.end(), [&, port = name](const Sent& s) { return s.port == port; });
    if (count == 0) misuse("not-emitted", fmt::format("nothing was sent to output `{}` in one call", name));
    if (count > 1) misuse("emitted-twice", fmt::format("output `{}` got {} packets in one call", name, count));
  }
}

void Bench::call(std::size_t index) {
  const Call& one = calls[index];
  const Send send = [&](std::string_view port, Packet packet) { collect(index, port, std::move(packet)); };
  TestClock clock;
  if (auto* transform = dynamic_cast<Transform*>(stage.get())) {
    TransformCall context(*this, clock, send, one.packets, one.port);
    transform->process(context);
    require_one_each(sent[index]);
  } else if (auto* serial = dynamic_cast<Serial*>(stage.get())) {
    SerialCall context(*this, clock, send, one.packets, one.port);
    serial->process(context);
  }
}

void Bench::produce(std::uint32_t epoch, bool on_many_threads) {
  auto& source = dynamic_cast<Source&>(*stage);
  source.begin_pass(epoch);
  for (bool last = false; !last;) {
    sent.emplace_back();
    const auto one = [&] {
      TestClock clock;
      ProduceCall context(
          *this, clock,
          [&](std::string_view port, Packet packet) { collect(sent.size() - 1, port, std::move(packet)); }, epoch);
      source.produce(context);
      last = context.was_last();
    };
    on_many_threads ? run_on_thread(one) : one();
    require_one_each(sent.back());
  }
}

void Bench::run_pass(std::size_t pass, bool on_many_threads) {
  if (info.kind == StageKind::source) return produce(static_cast<std::uint32_t>(pass + 1), on_many_threads);
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (calls[i].pass != pass) continue;
    if (on_many_threads)
      run_on_thread([&] { call(i); });
    else
      call(i);
  }
}

void Bench::run(bool on_many_threads) {
  for (std::size_t pass = 0; pass < passes_; ++pass) run_pass(pass, on_many_threads);
}

void Bench::run_out_of_order(std::size_t threads) {
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

void Bench::run_part() {
  if (info.kind == StageKind::source) {
    auto& source = dynamic_cast<Source&>(*stage);
    source.begin_pass(1);
    sent.emplace_back();
    TestClock clock;
    ProduceCall context(
        *this, clock, [&](std::string_view port, Packet packet) { collect(0, port, std::move(packet)); }, 1);
    source.produce(context);
  }
  for (std::size_t i = 0; i + 1 < calls.size() && calls[i + 1].pass == 0; ++i) call(i);
}

void Bench::drop_all() {
  calls.clear();
  sent.clear();
  reported_metrics.clear();
  reported_model.reset();
  printed.clear();
}

std::size_t Bench::bytes_held() const { return memory_->live_bytes() + inputs_->live_bytes(); }

std::vector<Sent> Bench::all_sent() const {
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
