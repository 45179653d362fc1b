// A node that takes packets one at a time, in order, and may emit any number.
#include "serial_adapter.hpp"

#include "node_call.hpp"

#include <algorithm>
#include <utility>

namespace millrace::pipelines {
namespace {

/// What a data output holds: the inputs that its next packet is made from.
struct Gathered {
  std::vector<LeasePtr> leases;
  bool emitted = false;  ///< by the call in hand
};

/// What one call emits goes on at once, and holds what was gathered for its output.
class EmittedPackets final : public NodeCall {
 public:
  EmittedPackets(NodeAdapter& node, const Work& work, std::vector<Gathered>& outputs)
      : NodeCall(node, work.inputs[work.port].header.epoch), work_(work), outputs_(outputs) {}

  void send(std::size_t index, Packet packet) override {
    Gathered& output = outputs_[index];
    const bool is_data = node_.output_ports().spec(index).kind == PortKind::data;
    packet.lease = is_data ? combine(output.leases) : epoch_only(lease_of(work_.inputs[work_.port]));
    output.emitted = true;
    node_.send(index, std::move(packet));
  }

 private:
  const Work& work_;
  std::vector<Gathered>& outputs_;
};

class SerialAdapter final : public NodeAdapter {
 public:
  SerialAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services),
        serial_(dynamic_cast<Serial&>(*node.stage)),
        accumulates_(node.accumulates_rows > 0),
        gathered_(node.outputs.size()),
        progress_(output_ports(), node.info->spec.input_mode(), services.ledger.first_epoch()) {}
  void release_holds() override {
    rest_ = {};
    release(true);
  }

 private:
  void process(Work& work) override {
    EmittedPackets packets(*this, work, gathered_);
    SerialCall call(packets, input_ports(), progress_, work.inputs, work.port);
    if (work.resumes) {
      const auto body = std::exchange(rest_.body, nullptr);
      body(call);
    } else {
      if (is_joined() && work.inputs.size() > 1) require_same_samples(work.inputs, input_ports().names());
      gather(work);
      serial_.process(call);
    }
    rest_ = call.take_rest();
    if (rest_.body) return pause(work, rest_.event);
    release(work.inputs[work.port].header.last_in_epoch);
    call.finish();
  }
  void skip(Work& work) override {
    if (work.resumes) rest_ = {};  // it may keep packets
  }

  void gather(const Work& work) {
    for (std::size_t i = 0; i < gathered_.size(); ++i) {
      if (output_ports().spec(i).kind != PortKind::data || outputs()[i]->targets.empty()) continue;
      for (const Packet& packet : work.inputs)
        if (packet.lease && (gathered_[i].leases.empty() || gathered_[i].leases.back() != packet.lease))
          gathered_[i].leases.push_back(lease_of(packet));
    }
  }

  // Rows that stay behind after an emission are at most one packet's; their credits come back with the packet in hand,
  // so that a budget of ceil(batch / block) + 1 blocks is always enough.
  void release(bool end_of_epoch) {
    for (Gathered& output : gathered_) {
      if (output.emitted || end_of_epoch || !accumulates_) output.leases.clear();
      output.emitted = false;
    }
  }

  Serial& serial_;
  bool accumulates_;
  std::vector<Gathered> gathered_;
  SerialProgress progress_;
  CallRest rest_;
};

}  // namespace

std::unique_ptr<NodeAdapter> make_serial_adapter(ValidatedNode& node, const NodeServices& services) {
  return std::make_unique<SerialAdapter>(node, services);
}

}  // namespace millrace::pipelines
