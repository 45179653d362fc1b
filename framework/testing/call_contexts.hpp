// The contexts of one call of a stage under test. What it emits goes to a function.
#pragma once

#include "packet_checks.hpp"

#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::testing {

/// One call of process or produce, whatever the kind. Packets go to `send`.
using Packets = std::map<std::string, Packet, std::less<>>;
using Send = std::function<void(std::string_view, Packet)>;

/// Time stands still between two readings unless the test says otherwise.
struct TestClock {
  double now = 0, tick = 0;
  double read() {
    const double reading = now;
    now += tick;
    return reading;
  }
};

template <class Context>
class CallContext : public Context {
 public:
  CallContext(OpenContext& open, TestClock& clock, Send send) : open_(open), clock_(clock), send_(std::move(send)) {}
  OutTensor allocate(TensorSpec spec, std::int64_t rows) override {
    return {std::move(spec), rows, open_.device().memory()};
  }
  bool stopping() const override { return false; }
  double seconds() const override { return clock_.read(); }
  const PortSpec& output(std::string_view name) const override { return open_.output(name); }
  void stop_after(std::uint32_t) override {}
  // Here nobody waits beside the stage, and nothing follows that could be held up.
  using Context::keep_until;
  void keep_until(const Event& event, const Packet&, std::span<const Field>) override { event.synchronize(); }

 protected:
  OpenContext& open_;
  TestClock& clock_;
  Send send_;
};

inline const Packet& packet_of(const Packets& packets, std::string_view port) {
  const auto it = packets.find(port);
  if (it == packets.end()) misuse("no-such-packet", fmt::format("this call has no packet on input `{}`", port));
  return it->second;
}

inline Packet packet_of(Emission emission, std::uint32_t epoch) {
  Packet packet;
  packet.header = {0, epoch, emission.first_row, emission.last_in_epoch};
  packet.rows = emission.fields.empty() ? 0 : emission.fields.front().tensor.rows();
  packet.ids = std::move(emission.ids);
  packet.fields = std::move(emission.fields);
  packet.metrics = std::move(emission.metrics);
  packet.model = std::move(emission.model);
  return packet;
}

class ProduceCall final : public CallContext<SourceContext> {
 public:
  ProduceCall(OpenContext& open, TestClock& clock, Send send, std::uint32_t epoch)
      : CallContext(open, clock, std::move(send)), epoch_(epoch) {}
  std::uint32_t epoch() const override { return epoch_; }
  void emit(std::string_view port, Emission emission) override {
    last_ = emission.last_in_epoch;
    send_(port, packet_of(std::move(emission), epoch_));
  }
  bool was_last() const { return last_; }

 private:
  std::uint32_t epoch_;
  bool last_ = false;
};

class TransformCall final : public CallContext<TransformContext> {
 public:
  TransformCall(OpenContext& open, TestClock& clock, Send send, const Packets& packets, const std::string& port)
      : CallContext(open, clock, std::move(send)), packets_(packets), port_(port) {}
  const Packet& input(std::string_view port) const override { return packet_of(packets_, port); }
  void emit(std::string_view port, std::vector<Field> fields) override {
    Packet packet = packets_.at(port_);
    packet.fields = std::move(fields);
    send_(port, std::move(packet));
  }

 private:
  const Packets& packets_;
  const std::string& port_;
};

class SerialCall final : public CallContext<SerialContext> {
 public:
  SerialCall(OpenContext& open, TestClock& clock, Send send, const Packets& packets, const std::string& port)
      : CallContext(open, clock, std::move(send)), packets_(packets), port_(port) {}
  const Packet& input(std::string_view port) const override { return packet_of(packets_, port); }
  std::string_view port() const override { return port_; }
  void emit(std::string_view port, Emission emission) override {
    send_(port, packet_of(std::move(emission), packets_.at(port_).header.epoch));
  }
  void when(const Event& event, std::function<void(SerialContext&)> body) override {
    event.synchronize();
    body(*this);
  }

 private:
  const Packets& packets_;
  const std::string& port_;
};

}  // namespace millrace::testing
