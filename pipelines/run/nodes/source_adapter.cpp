// Sends the packets of a call only when it has returned, each with the lease of its credit.
#include "source_adapter.hpp"

#include "node_call.hpp"

#include <millrace/detail/positioned_source.hpp>

#include <utility>
#include <vector>

namespace millrace::pipelines {
namespace {

/// The packets of one call. They are sent when it has returned and the next credit has been given, so that a thread alone goes
/// on with them before it produces more.
class ProducedPackets final : public NodeCall {
 public:
  ProducedPackets(NodeAdapter& node, const Credit& credit) : NodeCall(node, credit.epoch), credit_(credit) {}

  void send(std::size_t output, Packet packet) override {
    packet.lease = credit_.lease;
    packets_.emplace_back(output, std::move(packet));
  }
  void send_all() {
    for (auto& [output, packet] : packets_) node_.send(output, std::move(packet));
  }

 private:
  const Credit& credit_;
  std::vector<std::pair<std::size_t, Packet>> packets_;
};

class SourceAdapter final : public NodeAdapter {
 public:
  SourceAdapter(ValidatedNode& node, const NodeServices& services)
      : NodeAdapter(node, services),
        source_(dynamic_cast<Source&>(*node.stage)),
        progress_(output_ports(), share_of(node, services.ranks)) {}

  // The ledger gives one credit at a time; packets may still be sent when the next has come.
  bool is_concurrent() const override { return true; }
  void begin_at(std::int64_t row) override { first_row_ = row; }

 private:
  void process(Work& work) override {
    if (work.credit.begins_epoch) begin_epoch(work.credit.epoch);
    ProducedPackets packets(*this, work.credit);
    SourceCall call(packets, output_ports(), progress_, work.credit.epoch);
    source_.produce(call);
    call.finish();
    if (call.was_last()) save_behind_epoch(work.credit.epoch);
    services().ledger.produced(work.credit.source, call.was_last());
    packets.send_all();
  }
  void skip(Work& work) override { services().ledger.produced(work.credit.source, false); }

  void begin_epoch(std::uint32_t epoch) {
    const std::int64_t row = std::exchange(first_row_, 0);
    if (row > 0)
      dynamic_cast<PositionedSource&>(source_).begin_epoch_at(epoch, row);
    else
      source_.begin_epoch(epoch);
    progress_.begin_epoch(row);
  }

  Source& source_;
  SourceProgress progress_;
  std::int64_t first_row_ = 0;  ///< of the next epoch that begins
};

}  // namespace

std::unique_ptr<NodeAdapter> make_source_adapter(ValidatedNode& node, const NodeServices& services) {
  return std::make_unique<SourceAdapter>(node, services);
}

}  // namespace millrace::pipelines
