// The engine for one stage: every context, without a graph. Calls are made at once, on the caller's thread.
#include "call_contexts.hpp"
#include "packet_checks.hpp"
#include "stage_host.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/hold_order.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>

#include <fmt/format.h>

#include <deque>
#include <map>
#include <numeric>
#include <optional>

namespace millrace::testing {
namespace {

const StageInfo& require_stage(const StageRegistry& registry, std::string_view name) {
  if (const StageInfo* info = registry.find(name)) return *info;
  misuse("unknown-stage", fmt::format("there is no stage `{}`", name));
}

}  // namespace

/// One port that packets are pushed to.
struct InputState {
  std::string name;
  std::uint64_t next_seq = 0, next_row = 0;
  std::uint32_t epoch = 1;
  std::deque<Packet> held = {};  ///< until it is their turn
};

/// One port that packets are taken from.
struct OutputState {
  std::deque<Packet> packets;
  std::uint64_t next_seq = 0;
  bool emitted = false;  ///< by the call in hand
};

struct StageTester::State : public StageHost {
  State(const StageRegistry& registry, std::string_view stage_name, const ParamValue::Map& given)
      : State(require_stage(registry, stage_name), given) {}
  State(const StageInfo& stage_info, const ParamValue::Map& given)
      : StageHost(stage_info, complete_params(stage_info.spec.params(), given), open_device({"cpu", 0})) {
    for (const auto& [name, spec] : outputs) queues[name];
  }

  // Declares the port when it is new.
  InputState& input_port(std::string_view name, const PortSpec& spec) {
    for (InputState& port : input_ports)
      if (port.name == name) return port;
    if (has_inferred())
      misuse("no-such-port", fmt::format("input `{}` came after infer; declare it with input()", name));
    if (!takes_input(name)) misuse("no-such-port", fmt::format("`{}` has no input `{}`", info.name, name));
    set_input(name, spec);
    input_ports.push_back({std::string(name), 0, 0, first});
    return input_ports.back();
  }
  OutputState& queue(std::string_view name) {
    const auto it = queues.find(name);
    if (it == queues.end()) misuse("no-such-port", fmt::format("`{}` has no output `{}`", info.name, name));
    return it->second;
  }

  // What a graph would never send is a mistake of the test, and may be anything to the stage.
  void require_possible(const InputState& port, const Packet& packet) const {
    if (is_closed) misuse("stage-closed", fmt::format("`{}` is given a packet after close()", info.name));
    const PortSpec& known = input(port.name);
    if (known.kind != PortKind::data) return;
    if (known.fields.size() != packet.fields.size())
      misuse("shape-mismatch", fmt::format("input `{}` of `{}` has {}, {} came", port.name, info.name,
                                           counted(known.fields.size(), "field"), packet.fields.size()));
    for (std::size_t i = 0; i < packet.fields.size(); ++i) {
      const TensorSpec &wanted = known.fields[i].spec, &found = packet.fields[i].tensor.spec();
      if (packet.fields[i].name == known.fields[i].name && found.dtype == wanted.dtype &&
          found.row_shape == wanted.row_shape && found.encoding == wanted.encoding)
        continue;
      misuse("shape-mismatch",
             fmt::format("input `{}` of `{}` is {} as `{}`, {} as `{}` came", port.name, info.name, wanted.describe(),
                         known.fields[i].name, found.describe(), packet.fields[i].name));
    }
  }

  void start() {
    const bool opens = !is_open();
    open_once();
    if (opens) holds = HoldOrder(info.spec, inputs());
    if (opens && to_load) load(*to_load);
  }

  Packet packet_for(InputState& port, Tensor tensor, bool last) {
    Packet packet;
    packet.header = {0, port.epoch, port.next_row, last};
    packet.rows = tensor.rows();
    std::vector<std::uint64_t> ids(static_cast<std::size_t>(packet.rows));
    std::iota(ids.begin(), ids.end(), port.next_row);
    packet.ids = std::make_shared<const std::vector<std::uint64_t>>(std::move(ids));
    packet.fields.push_back({std::string(kValueField), std::move(tensor)});
    port.next_row = last ? 0 : port.next_row + static_cast<std::uint64_t>(packet.rows);
    if (last) ++port.epoch;
    return packet;
  }
  bool run_next();
  void run(const Packets& packets, const std::string& port);
  void pull();
  void send(std::string_view port, Packet packet);

  TestClock clock;
  std::uint32_t pass = 0;
  bool in_pass = false, is_closed = false;
  std::deque<InputState> input_ports;
  std::map<std::string, OutputState, std::less<>> queues;
  std::optional<StageState> to_load;
  HoldOrder holds;
};

void StageTester::State::send(std::string_view name, Packet packet) {
  OutputState& port = queue(name);
  const PortSpec& promised = output(name);
  if (promised.kind == PortKind::data) {
    require_as_promised(name, promised, packet.fields);
    if (!packet.fields.empty() && packet.fields.front().tensor.rows() != packet.rows)
      misuse("output-mismatch", fmt::format("output `{}` has other rows than the input", name));
    if (!packet.ids || packet.ids->size() != static_cast<std::size_t>(packet.rows))
      misuse("output-mismatch",
             fmt::format("output `{}` has {} and another number of ids", name, counted(packet.rows, "row")));
  }
  const bool many = info.kind == StageKind::serial;
  if (port.emitted && !many) misuse("emitted-twice", fmt::format("output `{}` got two packets in one call", name));
  port.emitted = true;
  packet.header.seq = port.next_seq++;
  if (packet.model) reported_model = packet.model;
  port.packets.push_back(std::move(packet));
}

// Packets of independent inputs go to the stage when it is their turn, as in a run.
bool StageTester::State::run_next() {
  for (std::size_t i = 0; i < input_ports.size(); ++i) {
    InputState& port = input_ports[i];
    if (port.held.empty() || !holds.may_take(i, port.held.front().header)) continue;
    Packets packets;
    packets.emplace(port.name, std::move(port.held.front()));
    port.held.pop_front();
    holds.taken(i, packets.begin()->second.header);
    run(packets, port.name);
    return true;
  }
  return false;
}

void StageTester::State::run(const Packets& packets, const std::string& port) {
  for (auto& [name, out] : queues) out.emitted = false;
  const Send forward = [this](std::string_view name, Packet packet) { send(name, std::move(packet)); };
  if (auto* transform = dynamic_cast<Transform*>(stage.get())) {
    TransformCall call(*this, clock, forward, packets, port);
    transform->process(call);
    for (const auto& [name, out] : queues)
      if (!out.emitted) misuse("not-emitted", fmt::format("the transform sent nothing to output `{}`", name));
  } else if (auto* serial = dynamic_cast<Serial*>(stage.get())) {
    SerialCall call(*this, clock, forward, packets, port);
    serial->process(call);
  } else {
    misuse("not-a-consumer", fmt::format("`{}` is a source: use pull()", info.name));
  }
}

void StageTester::State::pull() {
  auto* source = dynamic_cast<Source*>(stage.get());
  if (source == nullptr) misuse("not-a-source", fmt::format("`{}` is no source: use push()", info.name));
  for (auto& [name, out] : queues) out.emitted = false;
  if (!in_pass) {
    pass = first == 0 ? 0 : pass + 1;
    source->begin_pass(pass);
  }
  ProduceCall call(
      *this, clock, [this](std::string_view name, Packet packet) { send(name, std::move(packet)); }, pass);
  source->produce(call);
  in_pass = !call.was_last();
}

std::int64_t count_rows(const RowShape& row_shape, std::size_t values) {
  const std::int64_t each = elements_of(row_shape), all = static_cast<std::int64_t>(values);
  if (each > 0 && all % each == 0) return all / each;
  if (each == 0 && all == 0) return 0;
  misuse("shape-mismatch",
         fmt::format("{} are no whole number of rows of {}", counted(values, "value"), counted(each, "value")));
}

StageTester::StageTester(const StageRegistry& registry, std::string_view stage, const ParamValue::Map& params)
    : state_(std::make_unique<State>(registry, stage, params)) {}
StageTester::~StageTester() = default;

StageTester& StageTester::seed(std::uint64_t seed) {
  state_->seed_value = seed;
  return *this;
}

StageTester& StageTester::clock(double seconds, double tick) {
  state_->clock = {seconds, tick};
  return *this;
}

StageTester& StageTester::ranks(Communicator& communicator, const RowShare& share) {
  state_->others = &communicator;
  state_->row_share = share;
  return *this;
}

StageTester& StageTester::epochs(std::uint32_t epochs) {
  state_->epoch_count = epochs;
  state_->first = epochs == 0 ? 0 : 1;
  for (InputState& port : state_->input_ports) port.epoch = state_->first;
  return *this;
}

StageTester& StageTester::input(std::string_view port, const PortSpec& spec) {
  state_->input_port(port, spec);
  state_->set_input(port, spec);
  return *this;
}

std::vector<InferError> StageTester::infer() {
  state_->infer_once();
  return state_->errors;
}

const PortSpec& StageTester::output_spec(std::string_view port) {
  state_->infer_once();
  return static_cast<const State&>(*state_).output(port);
}

StageTester& StageTester::push(std::string_view port, Tensor tensor, bool last_in_epoch) {
  const PortSpec spec = PortSpec::single(tensor.spec(), {}, tensor.rows());
  InputState& input = state_->input_port(port, spec);
  return push(port, state_->packet_for(input, std::move(tensor), last_in_epoch));
}

StageTester& StageTester::push(std::string_view port, Packet packet) {
  InputState& input = state_->input_port(port, spec_of(packet));
  state_->require_possible(input, packet);
  state_->start();
  packet.header.seq = input.next_seq++;
  input.held.push_back(std::move(packet));
  while (state_->run_next()) continue;
  return *this;
}

StageTester& StageTester::push_joined(std::vector<std::pair<std::string, Tensor>> tensors, bool last_in_epoch) {
  if (tensors.empty()) misuse("no-such-port", "push_joined needs a port");
  Packets packets;
  for (auto& [port, tensor] : tensors) {
    InputState& input = state_->input_port(port, PortSpec::single(tensor.spec(), {}, tensor.rows()));
    Packet packet = state_->packet_for(input, std::move(tensor), last_in_epoch);
    state_->require_possible(input, packet);
    packet.header.seq = input.next_seq++;
    packets.emplace(port, std::move(packet));
  }
  state_->start();
  state_->run(packets, tensors.front().first);
  return *this;
}

StageTester& StageTester::pull() {
  state_->start();
  state_->pull();
  return *this;
}

bool StageTester::has_output(std::string_view port) const { return !state_->queue(port).packets.empty(); }

Packet StageTester::pop(std::string_view port) {
  state_->start();
  std::deque<Packet>& packets = state_->queue(port).packets;
  if (packets.empty()) misuse("nothing-emitted", fmt::format("nothing is left on output `{}`", port));
  Packet packet = std::move(packets.front());
  packets.pop_front();
  return packet;
}

const std::vector<Metrics>& StageTester::epoch_metrics() const { return state_->reported_metrics; }
const std::string& StageTester::printed() const { return state_->printed; }
const std::vector<InferError>& StageTester::warnings() const { return state_->warnings; }
std::shared_ptr<const ModelSnapshot> StageTester::reported_model() const { return state_->reported_model; }

const std::string& StageTester::prefix_of(std::string_view input) {
  state_->infer_once();
  const auto found = state_->prefixes.find(input);
  if (found == state_->prefixes.end()) misuse("not-reported", fmt::format("input `{}` is not reported", input));
  return found->second;
}

StageState StageTester::save() const { return state_->save(); }

void StageTester::load(const StageState& state) {
  if (state_->is_open())
    state_->load(state);
  else
    state_->to_load = state;
}

void StageTester::close() {
  state_->close();
  state_->is_closed = true;
}
Stage& StageTester::stage() { return *state_->stage; }

}  // namespace millrace::testing
