// Keeps the leases of a call's inputs for the output packets that are made of them (decision 0002).
#include "serial_adapter.hpp"

#include "backpressure/kept_leases.hpp"
#include "node_call.hpp"

#include <utility>

namespace millrace::pipelines {
namespace {

/// What one call emits goes on at once, and keeps what was gathered for its output.
class EmittedPackets final : public NodeCall {
 public:
  EmittedPackets(NodeAdapter& node, const Work& work, KeptLeases& kept)
      : NodeCall(node, work.inputs[work.port].header.epoch), work_(work), kept_(kept) {}

  void send(std::size_t index, Packet packet) override {
    packet.lease = kept_.emitted(index, work_.inputs[work_.port]);
    node_.send(index, std::move(packet));
  }

 private:
  const Work& work_;
  KeptLeases& kept_;
};

std::vector<PortKind> kinds_of(const PortTable& ports) {
  std::vector<PortKind> kinds;
  for (std::size_t i = 0; i < ports.size(); ++i) kinds.push_back(ports.spec(i).kind);
  return kinds;
}

class SerialAdapter final : public NodeAdapter {
 public:
  SerialAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services),
        serial_(dynamic_cast<Serial&>(*node.stage)),
        kept_(kinds_of(output_ports()), node.accumulates_rows > 0),
        progress_(output_ports(), node.info->spec.input_mode(), services.ledger.first_epoch()) {}
  void release_leases() override {
    rest_ = {};
    kept_.release(true);
  }

 private:
  void process(Work& work) override {
    EmittedPackets packets(*this, work, kept_);
    SerialCall call(packets, input_ports(), progress_, work.inputs, work.port);
    if (work.resumes) {
      const auto body = std::exchange(rest_.body, nullptr);
      body(call);
    } else {
      if (is_joined() && work.inputs.size() > 1) require_same_samples(work.inputs, input_ports().names());
      gather(work);
      take_rows(work);
      serial_.process(call);
    }
    rest_ = call.take_rest();
    if (rest_.body) return pause(work, rest_.event);
    kept_.release(work.inputs[work.port].header.last_in_epoch);
    call.finish();
    tell_rows(work.inputs[work.port]);
    save_behind(work.inputs[work.port]);
  }
  void skip(Work& work) override {
    if (work.resumes) rest_ = {};  // it may keep packets
  }

  void gather(const Work& work) {
    for (std::size_t i = 0; i < outputs().size(); ++i)
      if (!outputs()[i]->targets.empty()) kept_.gather(i, work.inputs);
  }

  Serial& serial_;
  KeptLeases kept_;
  SerialProgress progress_;
  CallRest rest_;
};

}  // namespace

std::unique_ptr<NodeAdapter> make_serial_adapter(ValidatedNode& node, const NodeServices& services) {
  return std::make_unique<SerialAdapter>(node, services);
}

}  // namespace millrace::pipelines
