// The contexts of a stage in a process of its own: what it asks for is here already, what it says goes to the run.
#pragma once

#include "process/ipc/channel.hpp"
#include "protocol.hpp"
#include "worker_packets.hpp"

#include <millrace/detail/node_context.hpp>
#include <millrace/detail/stage_call.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// What the run says of the node when it opens the stage.
struct WorkerNode {
  NodeInfo node_info;
  PortTable inputs, outputs;
  DeviceId device;
};

/// Messages to the run, from any thread of the stage. Throws when the run is gone.
class RunConnection {
 public:
  explicit RunConnection(Channel& channel) : channel_(channel) {}
  void send(const WireWriter& message) {
    const std::lock_guard lock(mutex_);
    if (!channel_.send(message.bytes())) throw Error(ErrorKind::run, "run-gone", "the run has gone");
  }
  /// The run's reply to something sent; one thread at a time.
  std::string receive() {
    if (auto reply = channel_.receive([] {})) return std::move(*reply);
    throw Error(ErrorKind::run, "run-gone", "the run has gone");
  }

 private:
  Channel& channel_;
  std::mutex mutex_;
};

class WorkerInference final : public PortInference {
 public:
  explicit WorkerInference(const WorkerNode& node) : PortInference(node.inputs, node.outputs), node_(node) {}
  void error(ErrorSite, std::string name, std::string message, std::string help) override {
    throw Error(ErrorKind::config, std::move(name), std::move(message), std::move(help));
  }
  void uses_memory(std::string, std::size_t) override {}
  void accumulates(std::int64_t) override {}
  const DeviceId& device() const override { return node_.device; }
  std::uint32_t epochs() const override { return node_.node_info.epochs; }

 private:
  void set_output(std::size_t, PortSpec) override {}  // the run has asked before, and goes by what it was told then

  const WorkerNode& node_;
};

class WorkerOpening final : public NodeOpening, public RunReporter {
 public:
  WorkerOpening(const WorkerNode& node, RunConnection& connection)
      : NodeOpening(node.node_info, node.inputs, node.outputs), connection_(connection) {}

  Device& device() override { return *device_; }
  Communicator& communicator() override { return *alone_; }
  RunReporter& reporter() override { return *this; }

  void epoch_metrics(const Metrics& metrics) override {
    WireWriter message;
    message.put(WorkerMessage::metrics);
    write(message, metrics);
    connection_.send(message);
  }
  void step(const StepProgress& progress) override {
    WireWriter message;
    message.put(WorkerMessage::step);
    message.put(progress.epoch);
    for (const std::int64_t value : {progress.step, progress.steps, progress.samples}) message.put(value);
    for (const double value : {progress.loss, progress.accuracy, progress.seconds}) message.put(value);
    connection_.send(message);
  }
  void model(std::shared_ptr<const ModelSnapshot>) override {
    throw Error(ErrorKind::run, "isolated-model", "a stage in a process of its own has given the run a model",
                fmt::format("set `isolate: none` for node `{}`", node()));
  }
  void print(std::string_view text) override {
    WireWriter message;
    message.put(WorkerMessage::print);
    message.text(text);
    connection_.send(message);
  }
  void warn(std::string name, std::string text, std::string help) override {
    WireWriter message;
    message.put(WorkerMessage::warning);
    write(message, Problem{.name = std::move(name), .message = std::move(text), .help = std::move(help)});
    connection_.send(message);
  }

 private:
  RunConnection& connection_;
  std::unique_ptr<Device> device_ = open_device({"cpu", 0});
  std::unique_ptr<Communicator> alone_ = make_self_communicator();
};

/// What the process supplies for one call. Nothing of it is on a device that works beside it.
class WorkerCall final : public CallEngine {
 public:
  WorkerCall(const WorkerNode& node, RunConnection& connection, WorkerPackets& packets)
      : node_(node), connection_(connection), packets_(packets) {}

  OutTensor allocate(TensorSpec spec, std::int64_t rows) override {
    return {std::move(spec), rows, packets_.outputs()};
  }
  bool stopping() const override { return packets_.is_stopping(); }
  void stop_after(std::uint32_t from_epoch) override {
    WireWriter message;
    message.put(WorkerMessage::stop_after);
    message.put(from_epoch);
    connection_.send(message);
    const std::string reply = connection_.receive();
    WireReader reader(reply);
    if (reader.flag()) throw_exception(reader);
  }
  void send(std::size_t output, Packet packet) override {
    WireWriter message;
    message.put(WorkerMessage::emit);
    message.text(node_.outputs.name(output));
    packets_.write(message, packet, node_.outputs.spec(output));
    connection_.send(message);
  }

 private:
  const WorkerNode& node_;
  RunConnection& connection_;
  WorkerPackets& packets_;
};

}  // namespace millrace::pipelines
