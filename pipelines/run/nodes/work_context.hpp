// What the three contexts given to stages have in common.
#pragma once

#include "node_adapter.hpp"

#include <millrace/stage.hpp>

namespace millrace::pipelines {

/// `Context` is SourceContext, TransformContext or SerialContext.
template <class Context>
class ContextOf : public Context {
 public:
  /// `epoch`: that of the work.
  ContextOf(NodeAdapter& node, std::uint32_t epoch) : node_(node), epoch_(epoch) {}

  OutTensor allocate(TensorSpec spec, std::int64_t rows) override { return node_.allocate(std::move(spec), rows); }
  bool stopping() const override { return node_.services().stop.stopping(epoch_); }
  const PortSpec& output(std::string_view name) const override {
    return node_.outputs()[node_.output_index(name)]->spec;
  }
  void stop_after(std::uint32_t from_epoch) override { node_.services().ledger.stop_after(from_epoch); }
  using Context::keep_until;
  void keep_until(const Event& event, const Packet& packet, std::span<const Field> fields) override {
    node_.keep_until(event, packet, fields);
  }

 protected:
  NodeAdapter& node_;
  const std::uint32_t epoch_;
};

/// The part of a packet that an emission decides.
inline Packet packet_from(Emission&& emission, std::int64_t rows) {
  Packet packet;
  packet.header.first_row = emission.first_row;
  packet.header.last_in_epoch = emission.last_in_epoch;
  packet.rows = rows;
  packet.ids = std::move(emission.ids);
  packet.fields = std::move(emission.fields);
  packet.metrics = std::move(emission.metrics);
  packet.model = std::move(emission.model);
  return packet;
}

}  // namespace millrace::pipelines
