// An output packet takes over the lease of its inputs.
#include "transform_adapter.hpp"

#include "node_call.hpp"

#include <millrace/error.hpp>

#include <deque>
#include <mutex>
#include <utility>

namespace millrace::pipelines {
namespace {

LeasePtr lease_of_all(const std::vector<Packet>& inputs) {
  if (inputs.size() == 1) return lease_of(inputs.front());
  std::vector<LeasePtr> leases;
  for (const Packet& packet : inputs) leases.push_back(lease_of(packet));
  return combine(leases);
}

/// What a packet becomes goes on at once, and holds what the packet held.
class MappedPackets final : public NodeCall {
 public:
  MappedPackets(NodeAdapter& node, const std::vector<Packet>& inputs)
      : NodeCall(node, inputs.front().header.epoch), lease_(lease_of_all(inputs)) {}
  void send(std::size_t output, Packet packet) override {
    packet.lease = lease_;
    node_.send(output, std::move(packet));
  }

 private:
  LeasePtr lease_;
};

/// The call for one piece of work.
struct Mapping {
  Mapping(NodeAdapter& node, const Work& work)
      : packets(node, work.inputs), call(packets, node.input_ports(), node.output_ports(), work.inputs) {
    if (work.inputs.size() > 1) require_same_samples(work.inputs, node.input_ports().names());
  }
  MappedPackets packets;
  TransformCall call;
};

class TransformAdapter final : public NodeAdapter {
 public:
  TransformAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services), transform_(dynamic_cast<const Transform&>(*node.stage)) {}
  // One packet at a time is with the process of an isolated stage, so that its end is that packet's fault.
  bool is_concurrent() const override { return !node().isolated; }

 private:
  void process(Work& work) override {
    Mapping mapping(*this, work);
    transform_.process(mapping.call);
    mapping.call.finish();
  }

  const Transform& transform_;
};

/// One call takes all packets that wait. What is queued for each is only the news that one has come; who comes first takes the
/// packets of those behind it too, and they find nothing to do.
class GroupAdapter final : public NodeAdapter {
 public:
  GroupAdapter(ValidatedNode& node, const NodeServices& services, const GroupedTransform& transform)
      : NodeAdapter(node, services), transform_(transform) {}

  void submit(Work&& work) override {
    clock().ready();
    try {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(work));
    } catch (...) {
      discard(work);
      throw;
    }
    put(Work());
  }

  // A group lies in one epoch: whatever fails in it fails in that one, however packets came together.
  void execute(Work&) noexcept override {
    std::vector<Work> group;
    {
      const std::lock_guard lock(mutex_);
      group.swap(waiting_);
    }
    for (std::size_t first = 0; first < group.size();) {
      std::size_t after = first + 1;
      while (after < group.size() && epoch_of(group[after]) == epoch_of(group[first])) ++after;
      call(std::span(group).subspan(first, after - first));
      first = after;
    }
  }

 private:
  std::vector<Work> take_waiting() override {
    NodeAdapter::take_waiting();  // the news alone
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  void process(Work& work) override { process_all({&work, 1}); }

  void process_all(std::span<Work> works) override {
    std::deque<Mapping> mappings;
    std::vector<TransformContext*> packets;
    for (const Work& work : works) packets.push_back(&mappings.emplace_back(*this, work).call);
    transform_.process_group(packets);
    for (std::size_t i = 0; i < works.size(); ++i) finish(mappings[i].call, works[i].inputs.front());
  }

  static void finish(const TransformCall& call, const Packet& packet) {
    try {
      call.finish();
    } catch (const Error& error) {
      throw PacketError(error, packet);
    }
  }

  const GroupedTransform& transform_;
  std::mutex mutex_;
  std::vector<Work> waiting_;
};

}  // namespace

std::unique_ptr<NodeAdapter> make_transform_adapter(ValidatedNode& node, const NodeServices& services) {
  if (const auto* grouped = dynamic_cast<const GroupedTransform*>(node.stage.get()))
    return std::make_unique<GroupAdapter>(node, services, *grouped);
  return std::make_unique<TransformAdapter>(node, services);
}

}  // namespace millrace::pipelines
