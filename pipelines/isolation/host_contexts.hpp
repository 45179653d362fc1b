// The contexts of a stage in a process of its own: what it asks for is here already, what it says goes to the run.
#pragma once

#include "host_packets.hpp"
#include "process/ipc/channel.hpp"
#include "protocol.hpp"

#include <millrace/error.hpp>
#include <millrace/stage.hpp>

#include <fmt/format.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// What the run says of the node when it opens the stage.
struct HostedNode {
  std::string name, stage;
  std::vector<std::pair<std::string, PortSpec>> inputs, outputs;
  DeviceId device;
  std::uint64_t seed = 0;                                    ///< the run's
  std::vector<std::pair<std::string, std::uint64_t>> seeds;  ///< by purpose
  std::uint32_t epochs = 0, first_pass = 0;
  RowShare share;
  bool feeds_device = false;
};

inline const PortSpec& port_of(const std::vector<std::pair<std::string, PortSpec>>& ports, const std::string& node,
                               std::string_view name, const char* kind) {
  for (const auto& [port, spec] : ports)
    if (port == name) return spec;
  throw Error(ErrorKind::run, "no-such-port", fmt::format("`{}` has no {} `{}`", node, kind, name));
}

/// Messages to the run, from any thread of the stage. Throws when the run is gone.
class RunLine {
 public:
  explicit RunLine(Channel& channel) : channel_(channel) {}
  void say(const WireWriter& message) {
    const std::lock_guard lock(mutex_);
    if (!channel_.send(message.bytes())) throw Error(ErrorKind::run, "run-gone", "the run has gone");
  }
  /// The run's reply to something said; one thread at a time.
  std::string hear() {
    if (auto reply = channel_.receive([] {})) return std::move(*reply);
    throw Error(ErrorKind::run, "run-gone", "the run has gone");
  }

 private:
  Channel& channel_;
  std::mutex mutex_;
};

class HostedInference final : public InferContext {
 public:
  explicit HostedInference(HostedNode& node) : node_(node) {}
  std::vector<std::string> inputs() const override {
    std::vector<std::string> names;
    for (const auto& [name, spec] : node_.inputs) names.push_back(name);
    return names;
  }
  bool has_input(std::string_view name) const override {
    for (const auto& [port, spec] : node_.inputs)
      if (port == name) return true;
    return false;
  }
  const PortSpec& input(std::string_view name) const override {
    return port_of(node_.inputs, node_.name, name, "input");
  }
  void output(std::string_view, PortSpec) override {}  // the run has asked before, and goes by what it was told then
  void error(At, std::string name, std::string message, std::string help) override {
    throw Error(ErrorKind::config, std::move(name), std::move(message), std::move(help));
  }
  void uses_memory(std::string, std::size_t) override {}
  void accumulates(std::int64_t) override {}
  const DeviceId& device() const override { return node_.device; }
  std::uint64_t seed() const override { return node_.seed; }
  std::uint32_t epochs() const override { return node_.epochs; }

 private:
  HostedNode& node_;
};

class HostedOpening final : public OpenContext, public NodeSeeds, public RunNews, public RunWarnings {
 public:
  HostedOpening(const HostedNode& node, RunLine& line) : node_(node), line_(line) {}

  const std::string& node() const override { return node_.name; }
  const PortSpec& input(std::string_view name) const override {
    return port_of(node_.inputs, node_.name, name, "input");
  }
  const PortSpec& output(std::string_view name) const override {
    return port_of(node_.outputs, node_.name, name, "output");
  }
  std::vector<std::string> inputs() const override {
    std::vector<std::string> names;
    for (const auto& [name, spec] : node_.inputs) names.push_back(name);
    return names;
  }
  Device& device() override { return *device_; }
  Communicator& communicator() override { return *alone_; }
  RowShare share() const override { return node_.share; }
  RunNews& news() override { return *this; }
  std::uint64_t seed() const override { return node_.seed; }
  std::optional<std::uint64_t> find_seed(std::string_view purpose) const override {
    for (const auto& [name, seed] : node_.seeds)
      if (name == purpose) return seed;
    return std::nullopt;
  }
  std::uint32_t epochs() const override { return node_.epochs; }
  std::uint32_t first_pass() const override { return node_.first_pass; }
  bool feeds_device() const override { return node_.feeds_device; }

  void epoch_metrics(const Metrics& metrics) override {
    WireWriter message;
    message.put(Answer::metrics);
    write(message, metrics);
    line_.say(message);
  }
  void step(const StepProgress& progress) override {
    WireWriter message;
    message.put(Answer::step);
    message.put(progress.epoch);
    for (const std::int64_t value : {progress.step, progress.steps, progress.samples}) message.put(value);
    for (const double value : {progress.loss, progress.accuracy, progress.seconds}) message.put(value);
    line_.say(message);
  }
  void model(std::shared_ptr<const ModelSnapshot>) override {
    throw Error(ErrorKind::run, "isolated-model", "a stage in a process of its own has given the run a model",
                fmt::format("set `isolate: none` for node `{}`", node_.name));
  }
  void print(std::string_view text) override {
    WireWriter message;
    message.put(Answer::print);
    message.text(text);
    line_.say(message);
  }
  void warning(std::string name, std::string text, std::string help) override {
    WireWriter message;
    message.put(Answer::warning);
    for (const std::string& part : {name, text, help}) message.text(part);
    line_.say(message);
  }

 private:
  const HostedNode& node_;
  RunLine& line_;
  std::unique_ptr<Device> device_ = open_device({"cpu", 0});
  std::unique_ptr<Communicator> alone_ = make_self_communicator();
};

/// The packets of one call, by port.
using HostedInputs = std::map<std::string, Packet, std::less<>>;

template <class Context>
class HostedCall : public Context {
 public:
  HostedCall(const HostedNode& node, RunLine& line, HostPackets& packets)
      : node_(node), line_(line), packets_(packets) {}

  OutTensor allocate(TensorSpec spec, std::int64_t rows) override {
    return {std::move(spec), rows, packets_.outputs()};
  }
  bool stopping() const override { return packets_.is_stopping(); }
  const PortSpec& output(std::string_view name) const override {
    return port_of(node_.outputs, node_.name, name, "output");
  }
  void stop_after(std::uint32_t from_epoch) override {
    WireWriter message;
    message.put(Answer::stop_after);
    message.put(from_epoch);
    line_.say(message);
    const std::string reply = line_.hear();
    WireReader reader(reply);
    if (reader.flag()) throw_exception(reader);
  }
  // Nothing of this process is on a device that works beside it.
  using Context::keep_until;
  void keep_until(const Event& event, const Packet&, std::span<const Field>) override { event.synchronize(); }

 protected:
  void send(std::string_view port, const Emission& emission) {
    WireWriter message;
    message.put(Answer::emit);
    message.text(port);
    packets_.write(message, emission, output(port));
    line_.say(message);
  }
  const HostedNode& node_;
  RunLine& line_;
  HostPackets& packets_;
};

class HostedProduce final : public HostedCall<SourceContext> {
 public:
  HostedProduce(const HostedNode& node, RunLine& line, HostPackets& packets, std::uint32_t epoch)
      : HostedCall(node, line, packets), epoch_(epoch) {}
  std::uint32_t epoch() const override { return epoch_; }
  void emit(std::string_view port, Emission emission) override { send(port, emission); }

 private:
  std::uint32_t epoch_;
};

class HostedTransform final : public HostedCall<TransformContext> {
 public:
  HostedTransform(const HostedNode& node, RunLine& line, HostPackets& packets, const HostedInputs& inputs)
      : HostedCall(node, line, packets), inputs_(inputs) {}
  using TransformContext::emit;
  const Packet& input(std::string_view port) const override {
    if (const auto found = inputs_.find(port); found != inputs_.end()) return found->second;
    throw Error(ErrorKind::run, "no-such-port", fmt::format("`{}` has no input `{}`", node_.name, port));
  }
  void emit(std::string_view port, std::vector<Field> fields) override {
    Emission emission;
    emission.fields = std::move(fields);
    send(port, emission);
  }

 private:
  const HostedInputs& inputs_;
};

class HostedStep final : public HostedCall<SerialContext> {
 public:
  HostedStep(const HostedNode& node, RunLine& line, HostPackets& packets, const HostedInputs& inputs, std::string port)
      : HostedCall(node, line, packets), inputs_(inputs), port_(std::move(port)) {}
  const Packet& input(std::string_view port) const override {
    if (const auto found = inputs_.find(port); found != inputs_.end()) return found->second;
    port_of(node_.inputs, node_.name, port, "input");
    throw Error(ErrorKind::run, "no-such-packet", "this call has no packet on input `" + std::string(port) + "`",
                "with independent inputs, look at port() first");
  }
  std::string_view port() const override { return port_; }
  void emit(std::string_view port, Emission emission) override { send(port, emission); }
  void when(const Event& event, std::function<void(SerialContext&)> body) override {
    event.synchronize();
    body(*this);
  }

 private:
  const HostedInputs& inputs_;
  std::string port_;
};

}  // namespace millrace::pipelines
