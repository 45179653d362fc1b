// The packets that a stage is fed with, call by call.
#include "suite_calls.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/random.hpp>
#include <millrace/wait_order.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <utility>

namespace millrace::testing {
namespace {

template <class T>
void fill(const TensorSpec& spec, ValueRange range, const Random& random, std::uint64_t first, std::uint32_t epoch,
          OutTensor& out) {
  std::span<T> values = out.values<T>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint64_t at = first * static_cast<std::uint64_t>(spec.stored_elements()) + i;
    // Both ends come, so that what leaves a range is seen.
    const double share = at < 2 ? static_cast<double>(at) : static_cast<double>(random.uniform(at, epoch));
    const double value = range.lo + share * (range.hi - range.lo);
    values[i] = static_cast<T>(std::is_integral_v<T> ? std::floor(value + 0.5) : value);
  }
}

Tensor make_tensor(const TensorSpec& spec, std::int64_t rows, const Random& random, std::uint64_t first,
                   std::uint32_t epoch, Allocator& memory) {
  OutTensor out(spec, rows, memory);
  ValueRange range = spec.range.value_or(ValueRange{-2, 6});
  if (spec.encoding.kind == EncodingKind::affine_u8) range = {0, 255};
  if (spec.encoding.kind == EncodingKind::indicator) range = {0, static_cast<double>(spec.encoding.classes) - 1};
  switch (spec.stored_dtype()) {
    case DType::u8:
      fill<std::uint8_t>(spec, range, random, first, epoch, out);
      break;
    case DType::i8:
      fill<std::int8_t>(spec, range, random, first, epoch, out);
      break;
    case DType::i16:
      fill<std::int16_t>(spec, range, random, first, epoch, out);
      break;
    case DType::i32:
      fill<std::int32_t>(spec, range, random, first, epoch, out);
      break;
    case DType::f32:
      fill<float>(spec, range, random, first, epoch, out);
      break;
    case DType::f64:
      fill<double>(spec, range, random, first, epoch, out);
      break;
  }
  return std::move(out).freeze();
}

std::shared_ptr<const ModelSnapshot> make_snapshot(const PortSpec& port, const Random& random, std::uint32_t epoch) {
  std::vector<float> weights(
      static_cast<std::size_t>(port.model->inputs * port.model->outputs() + port.model->outputs()));
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] = random.normal(i, epoch);
  return std::make_shared<const ModelSnapshot>(port.model, Loss::mse, epoch, std::move(weights));
}

class CallMaker {
 public:
  CallMaker(const SuiteCase& one, const InputForm& form, Allocator& memory, std::shared_ptr<const void> lease)
      : one_(one), form_(form), memory_(memory), lease_(std::move(lease)) {}

  void epoch(std::size_t epoch, const std::vector<std::int64_t>& blocks) {
    epoch_ = epoch;
    first_row_ = 0;
    const bool joined = one_.info.spec.input_mode() == InputMode::joined;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      last_ = i + 1 == blocks.size();
      rows_ = blocks[i];
      if (joined)
        add_call([](const PortSpec&) { return true; });
      else
        add_each(PortKind::data);
      first_row_ += static_cast<std::uint64_t>(rows_);
    }
    if (joined) return;
    add_each(PortKind::metrics);
    add_each(PortKind::model);
  }

  std::vector<Call> calls;

 private:
  // A call for each port of a kind.
  void add_each(PortKind kind) {
    for (const auto& [name, spec] : form_.inputs)
      if (spec.kind == kind) add_call([&, wanted = &spec](const PortSpec& port) { return &port == wanted; });
  }

  template <class Wanted>
  void add_call(Wanted wanted) {
    const std::size_t ports = form_.inputs.size();
    Call call{epoch_, std::vector<Packet>(ports), ports};
    for (std::size_t i = 0; i < ports; ++i) {
      if (!wanted(form_.inputs[i].second)) continue;
      call.port = std::min(call.port, i);
      call.packets[i] = packet(form_.inputs[i].first, form_.inputs[i].second);
    }
    calls.push_back(std::move(call));
  }

  Packet packet(const std::string& name, const PortSpec& port) {
    const auto epoch = static_cast<std::uint32_t>(epoch_ + 1);
    Packet packet;
    packet.header = {seq_[name]++, epoch, first_row_, last_ || port.kind != PortKind::data};
    packet.lease = lease_;
    const Random random(one_.seed, "test-stage/" + name);
    if (port.kind == PortKind::metrics)
      packet.metrics = std::make_shared<const Metrics>(Metrics{epoch, {{"loss", 0.5}, {"accuracy", 0.25}}});
    if (port.model != nullptr) packet.model = make_snapshot(port, random, epoch);
    if (port.kind != PortKind::data) return packet;
    packet.rows = rows_;
    auto ids = std::make_shared<std::vector<std::uint64_t>>(static_cast<std::size_t>(rows_));
    std::iota(ids->begin(), ids->end(), first_row_);
    packet.ids = std::move(ids);
    for (const PortSpec::FieldSpec& field : port.fields)
      packet.fields.push_back(
          {field.name, make_tensor(field.spec, rows_, Random(one_.seed, "test-stage/" + name + "/" + field.name),
                                   first_row_, epoch, memory_)});
    return packet;
  }

  const SuiteCase& one_;
  const InputForm& form_;
  Allocator& memory_;
  std::shared_ptr<const void> lease_;
  std::map<std::string, std::uint64_t> seq_;
  std::size_t epoch_ = 0;
  std::int64_t rows_ = 0;
  std::uint64_t first_row_ = 0;
  bool last_ = false;
};

// In the order in which the engine would make them: inputs that others wait for come first (WaitOrder).
std::vector<Call> in_wait_order(const StageDescriptor& spec, const InputForm& form, std::vector<Call> calls) {
  std::vector<std::string> ports;
  for (const auto& [name, port] : form.inputs) ports.push_back(name);
  WaitOrder order(spec, ports);
  std::vector<Call> ordered;
  std::vector<bool> done(calls.size(), false);
  const auto take_one = [&](std::size_t arrived) {
    std::vector<bool> blocked(ports.size(), false);
    for (std::size_t i = 0; i < arrived; ++i) {
      if (done[i]) continue;
      const std::size_t port = calls[i].port;
      const PacketHeader header = calls[i].packets[port].header;
      if (blocked[port] || !order.may_take(port, header)) {
        blocked[port] = true;
        continue;
      }
      order.taken(port, header);
      done[i] = true;
      ordered.push_back(std::move(calls[i]));
      return true;
    }
    return false;
  };
  for (std::size_t arrived = 1; arrived <= calls.size(); ++arrived)
    while (take_one(arrived)) continue;
  return ordered;
}

}  // namespace

std::vector<Call> make_calls(const SuiteCase& one, const InputForm& form, const Scenario& scenario, Allocator& memory,
                             const std::shared_ptr<const void>& lease) {
  CallMaker maker(one, form, memory, lease);
  for (std::size_t epoch = 0; epoch < scenario.size(); ++epoch) maker.epoch(epoch, scenario[epoch]);
  if (one.info.spec.waits().empty()) return std::move(maker.calls);
  return in_wait_order(one.info.spec, form, std::move(maker.calls));
}

}  // namespace millrace::testing
