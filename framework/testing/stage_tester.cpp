// The engine for one stage: every context, without a graph. Calls are made at once, on the caller's thread.
#include "call_contexts.hpp"
#include "packet_checks.hpp"

#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/port_check.hpp>
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
  PortSpec spec;
  std::uint64_t next_seq = 0, next_row = 0;
  std::uint32_t epoch = 1;
};

/// One port that packets are taken from.
struct OutputState {
  std::optional<PortSpec> spec;
  std::deque<Packet> packets;
  std::uint64_t next_seq = 0;
  bool emitted = false;  ///< by the call in hand
};

struct StageTester::State : public InferContext, public OpenContext, public RunNews {
  State(const StageRegistry& registry, std::string_view stage_name, const ParamValue::Map& given)
      : info(require_stage(registry, stage_name)),
        params(complete_params(info.spec.params(), given)),
        stage(info.make(params)),
        host(open_device({"cpu", 0})),
        alone(make_self_communicator()) {
    for (const PortDecl& port : info.spec.outputs_for(params)) outputs[port.name];
  }
  ~State() override { close(); }

  // InferContext and OpenContext.
  std::vector<std::string> inputs() const override {
    std::vector<std::string> names;
    for (const InputState& port : input_ports) names.push_back(port.name);
    return names;
  }
  bool has_input(std::string_view name) const override { return find_input(name) != nullptr; }
  const PortSpec& input(std::string_view name) const override {
    if (const InputState* port = find_input(name)) return port->spec;
    misuse("no-such-port", fmt::format("`{}` has no input `{}`", info.name, name));
  }
  void output(std::string_view name, PortSpec spec) override { output_port(name).spec = std::move(spec); }
  const PortSpec& output(std::string_view name) const override {
    const auto it = outputs.find(name);
    if (it == outputs.end() || !it->second.spec)
      misuse("no-such-port", fmt::format("`{}` has set no output `{}`", info.name, name));
    return *it->second.spec;
  }
  void error(At at, std::string name, std::string message, std::string help) override {
    errors.push_back({std::move(at), std::move(name), std::move(message), std::move(help)});
  }
  void uses_memory(std::string, std::size_t) override {}
  void accumulates(std::int64_t) override {}
  std::uint64_t seed() const override { return seed_value; }
  std::uint32_t epochs() const override { return epoch_count; }
  const std::string& node() const override { return info.name; }
  Device& device() override { return *host; }
  const DeviceId& device() const override { return host->id(); }
  Communicator& communicator() override { return others != nullptr ? *others : *alone; }
  RowShare share() const override { return row_share; }
  RunNews& news() override { return *this; }
  std::uint32_t first_pass() const override { return first_epoch(); }
  bool feeds_device() const override { return false; }

  // RunNews.
  void epoch_metrics(const Metrics& metrics) override { reported_metrics.push_back(metrics); }
  void step(const StepProgress&) override {}
  void model(std::shared_ptr<const ModelSnapshot> snapshot) override { reported = std::move(snapshot); }
  void print(std::string_view text) override { text_printed += text; }

  const InputState* find_input(std::string_view name) const {
    for (const InputState& port : input_ports)
      if (port.name == name) return &port;
    return nullptr;
  }
  InputState& input_port(std::string_view name, const PortSpec& spec) {
    for (InputState& port : input_ports)
      if (port.name == name) return port;
    if (inferred) misuse("no-such-port", fmt::format("input `{}` came after infer; declare it with input()", name));
    if (info.spec.find_input(name) == nullptr && info.spec.any_input() == nullptr)
      misuse("no-such-port", fmt::format("`{}` has no input `{}`", info.name, name));
    input_ports.push_back({std::string(name), spec, 0, 0, first_epoch()});
    return input_ports.back();
  }
  OutputState& output_port(std::string_view name) {
    const auto it = outputs.find(name);
    if (it == outputs.end()) misuse("no-such-port", fmt::format("`{}` has no output `{}`", info.name, name));
    return it->second;
  }
  std::uint32_t first_epoch() const { return epoch_count == 0 ? 0 : 1; }

  void infer_once() {
    if (inferred) return;
    inferred = true;
    if (check_inputs(info.spec, *this)) stage->infer(*this);
    if (!errors.empty()) return;
    for (const auto& [name, port] : outputs)
      if (!port.spec) misuse("output-not-set", fmt::format("infer of `{}` left output `{}` unset", info.name, name));
  }
  void open_once() {
    infer_once();
    if (!errors.empty())
      throw Error(ErrorKind::config, errors.front().name, errors.front().message, errors.front().help);
    if (is_open) return;
    stage->open(*this);
    is_open = true;
    if (to_load) load_now(*to_load);
  }
  void close() noexcept {
    if (is_open) stage->close();
    is_open = false;
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
  void run(const std::map<std::string, Packet, std::less<>>& packets, const std::string& port);
  void pull();
  void load_now(const StageState& state) {
    if (auto* source = dynamic_cast<Source*>(stage.get())) source->load(state);
    if (auto* serial = dynamic_cast<Serial*>(stage.get())) serial->load(state);
  }
  void send(std::string_view port, Packet packet);

  const StageInfo& info;
  ParamValue params;
  std::unique_ptr<Stage> stage;
  std::unique_ptr<Device> host;
  std::unique_ptr<Communicator> alone;
  Communicator* others = nullptr;
  RowShare row_share;
  TestClock clock;
  std::uint64_t seed_value = 42;
  std::uint32_t epoch_count = 5, pass = 0;
  bool inferred = false, is_open = false, in_pass = false;
  std::deque<InputState> input_ports;
  std::map<std::string, OutputState, std::less<>> outputs;
  std::vector<InferError> errors;
  std::vector<Metrics> reported_metrics;
  std::string text_printed;
  std::shared_ptr<const ModelSnapshot> reported;
  std::optional<StageState> to_load;
};

void StageTester::State::send(std::string_view name, Packet packet) {
  OutputState& port = output_port(name);
  const PortSpec& promised = output(name);
  if (promised.kind == PortKind::data) {
    require_as_promised(name, promised, packet.fields);
    if (!packet.ids || packet.ids->size() != static_cast<std::size_t>(packet.rows))
      misuse("output-mismatch", fmt::format("output `{}` has {} rows and another number of ids", name, packet.rows));
  }
  const bool many = info.kind == StageKind::serial;
  if (port.emitted && !many) misuse("emitted-twice", fmt::format("output `{}` got two packets in one call", name));
  port.emitted = true;
  packet.header.seq = port.next_seq++;
  port.packets.push_back(std::move(packet));
}

void StageTester::State::run(const std::map<std::string, Packet, std::less<>>& packets, const std::string& port) {
  for (auto& [name, out] : outputs) out.emitted = false;
  const Send forward = [this](std::string_view name, Packet packet) { send(name, std::move(packet)); };
  if (auto* transform = dynamic_cast<Transform*>(stage.get())) {
    TransformCall call(*this, clock, forward, packets, port);
    transform->process(call);
    for (const auto& [name, out] : outputs)
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
  for (auto& [name, out] : outputs) out.emitted = false;
  if (!in_pass) {
    pass = first_epoch() == 0 ? 0 : pass + 1;
    source->begin_pass(pass);
  }
  ProduceCall call(
      *this, clock, [this](std::string_view name, Packet packet) { send(name, std::move(packet)); }, pass);
  source->produce(call);
  in_pass = !call.was_last();
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
  for (InputState& port : state_->input_ports) port.epoch = state_->first_epoch();
  return *this;
}

StageTester& StageTester::input(std::string_view port, const PortSpec& spec) {
  state_->input_port(port, spec).spec = spec;
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
  state_->open_once();
  packet.header.seq = input.next_seq++;
  Packets packets;
  packets.emplace(input.name, std::move(packet));
  state_->run(packets, input.name);
  return *this;
}

StageTester& StageTester::push_joined(std::vector<std::pair<std::string, Tensor>> tensors, bool last_in_epoch) {
  if (tensors.empty()) misuse("no-such-port", "push_joined needs a port");
  Packets packets;
  for (auto& [port, tensor] : tensors) {
    InputState& input = state_->input_port(port, PortSpec::single(tensor.spec(), {}, tensor.rows()));
    Packet packet = state_->packet_for(input, std::move(tensor), last_in_epoch);
    packet.header.seq = input.next_seq++;
    packets.emplace(port, std::move(packet));
  }
  state_->open_once();
  state_->run(packets, tensors.front().first);
  return *this;
}

StageTester& StageTester::pull() {
  state_->open_once();
  state_->pull();
  return *this;
}

bool StageTester::has_output(std::string_view port) const { return !state_->output_port(port).packets.empty(); }

Packet StageTester::pop(std::string_view port) {
  state_->open_once();
  std::deque<Packet>& packets = state_->output_port(port).packets;
  if (packets.empty()) misuse("nothing-emitted", fmt::format("nothing is left on output `{}`", port));
  Packet packet = std::move(packets.front());
  packets.pop_front();
  return packet;
}

const std::vector<Metrics>& StageTester::epoch_metrics() const { return state_->reported_metrics; }
const std::string& StageTester::printed() const { return state_->text_printed; }
std::shared_ptr<const ModelSnapshot> StageTester::reported_model() const { return state_->reported; }

StageState StageTester::save() const {
  StageState state;
  if (const auto* source = dynamic_cast<const Source*>(state_->stage.get())) source->save(state);
  if (const auto* serial = dynamic_cast<const Serial*>(state_->stage.get())) serial->save(state);
  return state;
}

void StageTester::load(const StageState& state) {
  if (state_->is_open)
    state_->load_now(state);
  else
    state_->to_load = state;
}

void StageTester::close() { state_->close(); }
Stage& StageTester::stage() { return *state_->stage; }

}  // namespace millrace::testing
