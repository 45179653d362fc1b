// The engine for one stage: every context, without a graph. Calls are made at once, on the caller's thread.
#include "misuse.hpp"
#include "stage_harness.hpp"
#include "test_call.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>
#include <millrace/model.hpp>
#include <millrace/testing/stage_tester.hpp>
#include <millrace/wait_order.hpp>

#include <fmt/format.h>

#include <deque>
#include <numeric>
#include <optional>

namespace millrace::testing {
namespace {

const StageInfo& require_stage(const StageRegistry& registry, std::string_view name) {
  if (const StageInfo* info = registry.find(name)) return *info;
  misuse("unknown-stage", fmt::format("there is no stage `{}`", name));
}

/// The spec of a port, as a first packet shows it.
PortSpec spec_of(const Packet& packet) {
  PortSpec port;
  if (packet.metrics) port.kind = PortKind::metrics;
  if (packet.model) {
    port.kind = PortKind::model;
    port.model = std::shared_ptr<const ModelSpec>(packet.model, &packet.model->model());
    port.loss = packet.model->loss();
  }
  for (const Field& field : packet.fields) port.fields.push_back({field.name, field.tensor.spec()});
  port.max_rows = packet.rows;
  return port;
}

// What a graph hangs its credits on; a packet that is there has a lease.
void give_lease(Packet& packet) {
  static const std::shared_ptr<const void> kLease = std::make_shared<int>();
  if (!packet.lease) packet.lease = kLease;
}

}  // namespace

/// One port that packets are pushed to.
struct InputState {
  std::uint64_t next_seq = 0, next_row = 0;
  std::uint32_t epoch = 1;
  std::deque<Packet> held = {};  ///< until it is their turn
};

struct StageTester::State : public StageHarness {
  State(const StageRegistry& registry, std::string_view stage_name, const ParamValue::Map& given)
      : State(require_stage(registry, stage_name), given) {}
  State(const StageInfo& stage_info, const ParamValue::Map& given)
      : StageHarness(stage_info, complete_params(stage_info.spec.params(), given), open_device({"cpu", 0})),
        queues(output_ports.size()) {}

  // Declares the port when it is new. Returns its index.
  std::size_t input_port(std::string_view name, const PortSpec& spec) {
    if (const auto known = input_ports.find(name)) return *known;
    if (has_inferred())
      misuse("no-such-port", fmt::format("input `{}` came after infer; declare it with input()", name));
    if (!takes_input(name)) misuse("no-such-port", fmt::format("`{}` has no input `{}`", info.name, name));
    input_states.push_back({0, 0, node_info().first_epoch});
    return set_input(name, spec);
  }
  std::deque<Packet>& queue(std::string_view name) { return queues[output_ports.index_of(name)]; }
  TestCall make_call() {
    return {device(), clock, [this](std::size_t output, Packet packet) { send(output, std::move(packet)); }};
  }

  // What a graph would never send is a mistake of the test, and may be anything to the stage.
  void require_possible(std::size_t port, const Packet& packet) const {
    if (is_closed) misuse("stage-closed", fmt::format("`{}` is given a packet after close()", info.name));
    const PortSpec& known = input_ports.spec(port);
    if (known.kind != PortKind::data) return;
    if (known.fields.size() != packet.fields.size())
      misuse("shape-mismatch", fmt::format("input `{}` of `{}` has {}, {} came", input_ports.name(port), info.name,
                                           counted(known.fields.size(), "field"), packet.fields.size()));
    for (std::size_t i = 0; i < packet.fields.size(); ++i) {
      const TensorSpec &wanted = known.fields[i].spec, &found = packet.fields[i].tensor.spec();
      if (packet.fields[i].name == known.fields[i].name && found.dtype == wanted.dtype &&
          found.row_shape == wanted.row_shape && found.encoding == wanted.encoding)
        continue;
      misuse("shape-mismatch",
             fmt::format("input `{}` of `{}` is {} as `{}`, {} as `{}` came", input_ports.name(port), info.name,
                         wanted.describe(), known.fields[i].name, found.describe(), packet.fields[i].name));
    }
  }

  void start() {
    const bool opens = !is_open();
    open_once();
    if (opens) order = WaitOrder(info.spec, inputs());
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
  // Checks and numbers a packet that comes to a port.
  void accept(std::size_t port, Packet& packet) {
    require_possible(port, packet);
    packet.header.seq = input_states[port].next_seq++;
    give_lease(packet);
  }
  bool run_next();
  void run(const std::vector<Packet>& packets, std::size_t port);
  void pull();
  void send(std::size_t output, Packet packet);

  TestClock clock;
  std::uint32_t epoch = 0;
  bool in_epoch = false, is_closed = false;
  std::deque<InputState> input_states;     ///< one a port of input_ports
  std::vector<std::deque<Packet>> queues;  ///< one a port of output_ports
  std::optional<StageState> to_load;
  WaitOrder order;
};

void StageTester::State::send(std::size_t output, Packet packet) {
  if (packet.model) reported_model = packet.model;
  queues[output].push_back(std::move(packet));
}

// Packets of independent inputs go to the stage when it is their turn, as in a run.
bool StageTester::State::run_next() {
  for (std::size_t i = 0; i < input_states.size(); ++i) {
    InputState& port = input_states[i];
    if (port.held.empty() || !order.may_take(i, port.held.front().header)) continue;
    std::vector<Packet> packets(input_ports.size());
    packets[i] = std::move(port.held.front());
    port.held.pop_front();
    order.taken(i, packets[i].header);
    run(packets, i);
    return true;
  }
  return false;
}

void StageTester::State::run(const std::vector<Packet>& packets, std::size_t port) {
  if (info.kind == StageKind::source) misuse("not-a-consumer", fmt::format("`{}` is a source: use pull()", info.name));
  TestCall engine = make_call();
  process(engine, packets, port);
}

void StageTester::State::pull() {
  if (info.kind != StageKind::source) misuse("not-a-source", fmt::format("`{}` is no source: use push()", info.name));
  if (!in_epoch) {
    epoch = node_info().first_epoch == 0 ? 0 : epoch + 1;
    begin_epoch(epoch);
  }
  TestCall engine = make_call();
  in_epoch = !produce(engine, epoch);
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
  state_->set_seed(seed);
  return *this;
}

StageTester& StageTester::clock(double seconds, double tick) {
  state_->clock = {seconds, tick};
  return *this;
}

StageTester& StageTester::ranks(Communicator& communicator, const RowShare& share) {
  state_->others = &communicator;
  state_->node_info().share = share;
  return *this;
}

StageTester& StageTester::epochs(std::uint32_t epochs) {
  NodeInfo& node_info = state_->node_info();
  node_info.epochs = epochs;
  node_info.first_epoch = epochs == 0 ? 0 : 1;
  for (InputState& port : state_->input_states) port.epoch = node_info.first_epoch;
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
  InputState& input = state_->input_states[state_->input_port(port, spec)];
  return push(port, state_->packet_for(input, std::move(tensor), last_in_epoch));
}

StageTester& StageTester::push(std::string_view port, Packet packet) {
  const std::size_t input = state_->input_port(port, spec_of(packet));
  state_->accept(input, packet);
  state_->start();
  state_->input_states[input].held.push_back(std::move(packet));
  while (state_->run_next()) continue;
  return *this;
}

StageTester& StageTester::push_joined(std::vector<std::pair<std::string, Tensor>> tensors, bool last_in_epoch) {
  if (tensors.empty()) misuse("no-such-port", "push_joined needs a port");
  for (const auto& [port, tensor] : tensors)
    state_->input_port(port, PortSpec::single(tensor.spec(), {}, tensor.rows()));
  std::vector<Packet> packets(state_->input_ports.size());
  for (auto& [port, tensor] : tensors) {
    const std::size_t input = state_->input_ports.index_of(port);
    Packet packet = state_->packet_for(state_->input_states[input], std::move(tensor), last_in_epoch);
    state_->accept(input, packet);
    packets[input] = std::move(packet);
  }
  state_->start();
  state_->run(packets, state_->input_ports.index_of(tensors.front().first));
  return *this;
}

StageTester& StageTester::pull() {
  state_->start();
  state_->pull();
  return *this;
}

bool StageTester::has_output(std::string_view port) const { return !state_->queue(port).empty(); }

Packet StageTester::pop(std::string_view port) {
  state_->start();
  std::deque<Packet>& packets = state_->queue(port);
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
