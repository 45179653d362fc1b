// What a graph supplies for one call of a node's stage; each kind of node says where the packets go.
#pragma once

#include "node_adapter.hpp"

#include <millrace/detail/stage_call.hpp>

#include <cstdint>
#include <span>
#include <utility>

namespace millrace::pipelines {

class NodeCall : public CallEngine {
 public:
  /// `epoch`: that of the work.
  NodeCall(NodeAdapter& node, std::uint32_t epoch) : node_(node), epoch_(epoch) {}

  OutTensor allocate(TensorSpec spec, std::int64_t rows) override { return node_.allocate(std::move(spec), rows); }
  bool stopping() const override { return node_.services().stop.stopping(epoch_); }
  void stop_after(std::uint32_t from_epoch) override { node_.services().ledger.stop_after(from_epoch); }
  void keep_until(const Event& event, const Packet& packet, std::span<const Field> fields) override {
    node_.keep_until(event, packet, fields);
  }
  /// No thread of the graph waits for a device.
  bool waits_for(const Event&) override { return false; }

 protected:
  NodeAdapter& node_;
  const std::uint32_t epoch_;
};

}  // namespace millrace::pipelines
