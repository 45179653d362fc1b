// A node that maps packets, one out for one in, on any number of threads.
#include "output_check.hpp"
#include "work_context.hpp"

#include <millrace/detail/counted.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <deque>
#include <mutex>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr const char* kContract =
    "this is a defect of the stage: process emits exactly once on every output, as many rows as came in";

HoldPtr hold_of_all(const std::vector<Packet>& inputs) {
  if (inputs.size() == 1) return hold_of(inputs.front());
  std::vector<HoldPtr> holds;
  for (const Packet& packet : inputs) holds.push_back(hold_of(packet));
  return combine(holds);
}

/// One call of process.
class MapContext final : public ContextOf<TransformContext> {
 public:
  MapContext(NodeAdapter& node, const std::vector<Packet>& inputs)
      : ContextOf(node, inputs.front().header.epoch),
        inputs_(inputs),
        hold_(hold_of_all(inputs)),
        sent_(node.outputs().size(), false) {}

  using TransformContext::emit;
  const Packet& input(std::string_view port) const override { return inputs_[node_.input_index(port)]; }

  void emit(std::string_view port, std::vector<Field> fields) override {
    const std::size_t index = node_.output_index(port);
    if (sent_[index])
      throw Error(ErrorKind::run, "transform-contract", fmt::format("output `{}` twice", port), kContract);
    const std::int64_t rows = check_fields(port, node_.outputs()[index]->spec, fields);
    const Packet& in = inputs_.front();
    if (rows != in.rows)
      throw Error(ErrorKind::run, "transform-contract",
                  fmt::format("{} on output `{}` for {} in", counted(rows, "row"), port, counted(in.rows, "row")),
                  kContract);
    sent_[index] = true;
    Packet packet;
    packet.header = in.header;
    packet.rows = rows;
    packet.ids = in.ids;
    packet.fields = std::move(fields);
    packet.hold = hold_;
    node_.send(index, std::move(packet));
  }

  void require_complete() const {
    if (stopping()) return;
    for (std::size_t i = 0; i < sent_.size(); ++i)
      if (!sent_[i])
        throw Error(ErrorKind::run, "transform-contract",
                    fmt::format("no packet on output `{}`", node_.outputs()[i]->name), kContract);
  }

 private:
  const std::vector<Packet>& inputs_;
  HoldPtr hold_;
  std::vector<bool> sent_;
};

class TransformAdapter final : public NodeAdapter {
 public:
  TransformAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services), transform_(dynamic_cast<const Transform&>(*node.stage)) {}
  // One packet at a time is with the process of an isolated stage, so that its end is that packet's fault.
  bool is_concurrent() const override { return !node().isolated; }

 private:
  void process(Work& work) override {
    if (work.inputs.size() > 1) require_same_samples(work.inputs, input_names());
    MapContext context(*this, work.inputs);
    transform_.process(context);
    context.require_complete();
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
    std::deque<MapContext> contexts;
    std::vector<TransformContext*> packets;
    for (const Work& work : works) {
      if (work.inputs.size() > 1) require_same_samples(work.inputs, input_names());
      packets.push_back(&contexts.emplace_back(*this, work.inputs));
    }
    transform_.process_group(packets);
    for (std::size_t i = 0; i < works.size(); ++i) require_complete(contexts[i], works[i].inputs.front());
  }

  static void require_complete(const MapContext& context, const Packet& packet) {
    try {
      context.require_complete();
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
