// A node that takes packets one at a time, in order, and may emit any number.
#include "output_check.hpp"
#include "work_context.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>

namespace millrace::pipelines {
namespace {

/// What a data output holds: the inputs that its next packet is made from.
struct Gathered {
  std::vector<HoldPtr> holds;
  std::uint64_t next_seq = 0;
  std::uint32_t epoch = 0;  ///< the first that has not ended here
  bool emitted = false;     ///< by the call in hand
};

constexpr const char* kContract =
    "this is a defect of the stage: on every data output it sends the packets of an epoch while it is given that "
    "epoch's, and "
    "exactly one of them, the last, with last_in_epoch";

/// An epoch ends once on each output, and none is left out: else its rows would be counted as another's.
void require_in_epoch(const Gathered& output, std::string_view port, std::uint32_t epoch) {
  if (epoch == output.epoch) return;
  throw Error(ErrorKind::run, "serial-contract",
              epoch < output.epoch
                  ? fmt::format("output `{}`: a packet of epoch {} behind the one with last_in_epoch", port, epoch)
                  : fmt::format("output `{}`: a packet of epoch {}, but none of epoch {} had last_in_epoch", port,
                                epoch, output.epoch),
              kContract);
}

/// The rest of a call, which waits for the device.
struct Rest {
  Event event;
  std::function<void(SerialContext&)> body;
};

/// One call of process.
class StepContext final : public ContextOf<SerialContext> {
 public:
  StepContext(NodeAdapter& node, const Work& work, std::vector<Gathered>& outputs, Rest& rest)
      : ContextOf(node, work.inputs[work.port].header.epoch), work_(work), outputs_(outputs), rest_(rest) {}

  const Packet& input(std::string_view port) const override {
    const Packet& packet = work_.inputs[node_.input_index(port)];
    if (!packet.hold)
      throw Error(ErrorKind::run, "no-such-packet", "this call has no packet on input `" + std::string(port) + "`",
                  "with independent inputs, look at port() first");
    return packet;
  }
  std::string_view port() const override { return node_.inputs()[work_.port]->name; }

  void emit(std::string_view port, Emission emission) override {
    const std::size_t index = node_.output_index(port);
    const PortSpec& spec = node_.outputs()[index]->spec;
    const std::int64_t rows = check_emission(port, spec, emission);
    Gathered& output = outputs_[index];
    if (spec.kind == PortKind::data) {
      require_in_epoch(output, port, epoch_);
      if (emission.last_in_epoch) ++output.epoch;
    }
    Packet packet = packet_from(std::move(emission), rows);
    packet.header.seq = output.next_seq++;
    packet.header.epoch = epoch_;
    packet.hold = spec.kind == PortKind::data ? combine(output.holds) : epoch_only(hold_of(work_.inputs[work_.port]));
    output.emitted = true;
    node_.send(index, std::move(packet));
  }

  void when(const Event& event, std::function<void(SerialContext&)> body) override {
    if (!event.state()) return body(*this);
    if (rest_.body)
      throw Error(ErrorKind::run, "serial-contract", "`when` was called twice in one call",
                  "put the two bodies into one");
    rest_ = {event, std::move(body)};
  }

 private:
  const Work& work_;
  std::vector<Gathered>& outputs_;
  Rest& rest_;
};

class SerialAdapter final : public NodeAdapter {
 public:
  SerialAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services),
        serial_(dynamic_cast<Serial&>(*node.stage)),
        accumulates_(node.accumulates_rows > 0),
        gathered_(node.outputs.size()) {
    for (Gathered& output : gathered_) output.epoch = services.ledger.first_pass();
  }
  void release_holds() override {
    rest_ = {};
    release(true);
  }

 private:
  void process(Work& work) override {
    StepContext context(*this, work, gathered_, rest_);
    if (work.resumes) {
      const auto body = std::exchange(rest_.body, nullptr);
      body(context);
    } else {
      if (is_joined() && work.inputs.size() > 1) require_same_samples(work.inputs, input_names());
      gather(work);
      serial_.process(context);
    }
    if (rest_.body) return pause(work, rest_.event);
    const PacketHeader& header = work.inputs[work.port].header;
    release(header.last_in_epoch);
    if (header.last_in_epoch && is_joined() && !services().stop.stopping(header.epoch)) require_ended(header.epoch);
  }
  void skip(Work& work) override {
    if (work.resumes) rest_ = {};  // it may keep packets
  }

  void require_ended(std::uint32_t epoch) const {
    for (std::size_t i = 0; i < gathered_.size(); ++i)
      if (outputs()[i]->spec.kind == PortKind::data && gathered_[i].epoch <= epoch)
        throw Error(ErrorKind::run, "serial-contract",
                    fmt::format("output `{}`: no packet with last_in_epoch in epoch {}", outputs()[i]->name, epoch),
                    kContract);
  }

  void gather(const Work& work) {
    for (std::size_t i = 0; i < gathered_.size(); ++i) {
      const OutputPort& port = *outputs()[i];
      if (port.spec.kind != PortKind::data || port.targets.empty()) continue;
      for (const Packet& packet : work.inputs)
        if (packet.hold && (gathered_[i].holds.empty() || gathered_[i].holds.back() != packet.hold))
          gathered_[i].holds.push_back(hold_of(packet));
    }
  }

  // Rows that stay behind after an emission are at most one packet's; their tokens come back with the packet in hand,
  // so that a budget of ceil(batch / block) + 1 blocks is always enough.
  void release(bool end_of_pass) {
    for (Gathered& output : gathered_) {
      if (output.emitted || end_of_pass || !accumulates_) output.holds.clear();
      output.emitted = false;
    }
  }

  Serial& serial_;
  bool accumulates_;
  std::vector<Gathered> gathered_;
  Rest rest_;
};

}  // namespace

std::unique_ptr<NodeAdapter> make_serial_adapter(ValidatedNode& node, const NodeServices& services) {
  return std::make_unique<SerialAdapter>(node, services);
}

}  // namespace millrace::pipelines
