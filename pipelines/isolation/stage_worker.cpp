// A loop of receive, act and answer. A second thread waits on a pidfd for the run's end, and then kills the process group with all that the
// stage has started.
#include "stage_worker.hpp"

#include "float_warning.hpp"
#include "worker_contexts.hpp"

#include <millrace/detail/stop_signals.hpp>
#include <millrace/float_environment.hpp>

#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <system_error>
#include <thread>

namespace millrace::pipelines {
namespace {

PortTable read_ports(WireReader& from, PortDirection direction, const std::string& node) {
  PortTable ports(direction, node);
  for (std::uint64_t left = from.count(); left > 0; --left) {
    std::string name = from.text();
    ports.add(std::move(name), read_port(from));
  }
  return ports;
}

NodeInfo read_node_info(WireReader& from, std::string name) {
  NodeInfo node_info;
  node_info.name = std::move(name);
  for (std::uint64_t left = from.count(); left > 0; --left) {
    std::string purpose = from.text();
    node_info.seeds.emplace_back(std::move(purpose), from.get<std::uint64_t>());
  }
  node_info.epochs = from.get<std::uint32_t>();
  node_info.first_epoch = from.get<std::uint32_t>();
  node_info.share.rank = from.get<std::int32_t>();
  node_info.share.size = from.get<std::int32_t>();
  node_info.share.batch_rows = from.get<std::int64_t>();
  node_info.feeds_device = from.flag();
  return node_info;
}

WorkerNode read_node(WireReader& from) {
  std::string name = from.text();
  PortTable inputs = read_ports(from, PortDirection::input, name);
  PortTable outputs = read_ports(from, PortDirection::output, name);
  DeviceId device;
  device.kind = from.text();
  device.index = from.get<std::int32_t>();
  return {read_node_info(from, std::move(name)), std::move(inputs), std::move(outputs), std::move(device)};
}

/// A stage that was opened, with what is told of its node and what it has sent.
struct OpenedStage {
  OpenedStage(WorkerNode told, const StageInfo& info, const ParamValue& params, RunConnection& connection)
      : node(std::move(told)),
        opening(node, connection),
        source_progress(node.outputs, node.node_info.share),
        serial_progress(node.outputs, info.spec.input_mode(), node.node_info.first_epoch),
        stage(info.make(params)) {}
  WorkerNode node;
  WorkerOpening opening;
  SourceProgress source_progress;
  SerialProgress serial_progress;
  std::unique_ptr<Stage> stage;  ///< the first to go
};

// This process and what it has started.
[[noreturn]] void end_group() {
  kill(getpgrp() == getpid() ? 0 : getpid(), SIGKILL);
  for (;;) pause();
}

class StageWorker {
 public:
  explicit StageWorker(const EnterPlugin& enter_plugin) : enter_plugin_(enter_plugin) {}

  void serve() {
    while (const auto message = channel_.receive([] {})) {
      if (WireReader(*message).one_of(Request::end) == Request::end) return;
      WireReader request(*message);
      try {
        answer(request);
      } catch (const Error& error) {
        if (error.name() == "run-gone") break;
        throw;
      }
    }
    end_group();  // the run has died
  }

 private:
  void answer(WireReader& request) {
    WireWriter result;
    try {
      WireWriter value;
      {
        const FloatGuard guard(&changes_floats_);
        act(request, value);
      }
      tell_changed_floats();
      result.put(WorkerMessage::done);
      packets_.end_call(result);
      result.text(value.bytes());
    } catch (const Error& error) {
      if (error.name() == "run-gone") throw;
      failed(result);
    } catch (...) {
      failed(result);
    }
    connection_.send(result);
  }

  void tell_changed_floats() {
    if (!changes_floats_ || tells_floats_ || !opened_) return;
    tells_floats_ = true;
    warn_of_changed_floats(opened_->opening);
  }

  void failed(WireWriter& result) {
    result = {};
    result.put(WorkerMessage::failed);
    packets_.end_call(result);
    write_exception(result, std::current_exception());
  }

  void act(WireReader& request, WireWriter& value) {
    switch (request.one_of(Request::end)) {
      case Request::open:
        return open(request);
      case Request::begin_epoch:
        return begin_epoch(request.get<std::uint32_t>());
      case Request::produce:
        return produce(request.get<std::uint32_t>());
      case Request::process:
        return process(request);
      case Request::save:
        return save(value);
      case Request::load:
        return load(request);
      case Request::close:
        return opened_->stage->close();
      case Request::end:
        return;  // ends the loop before
    }
  }

  void open(WireReader& request) {
    const std::string file = request.text(), stage = request.text();
    const ParamValue params = read_param(request);
    WorkerNode node = read_node(request);
    const std::vector<StageInfo> stages = enter_plugin_(file);
    const auto info = std::find_if(stages.begin(), stages.end(), [&](const StageInfo& s) { return s.name == stage; });
    if (info == stages.end())
      throw Error(ErrorKind::plugin, "unknown-stage", fmt::format("`{}` has no stage `{}` any more", file, stage),
                  "the file was changed while the run began: start it again");
    make(*info, params, std::move(node));
    opened_->stage->open(opened_->opening);
  }

  void make(const StageInfo& info, const ParamValue& params, WorkerNode node) {
    const FloatGuard told_by_the_check;
    opened_ = std::make_unique<OpenedStage>(std::move(node), info, params, connection_);
    WorkerInference inference(opened_->node);
    opened_->stage->infer(inference);
  }

  void begin_epoch(std::uint32_t epoch) {
    dynamic_cast<Source&>(*opened_->stage).begin_epoch(epoch);
    opened_->source_progress.begin_epoch();
  }

  void produce(std::uint32_t epoch) {
    WorkerCall engine(opened_->node, connection_, packets_);
    SourceCall call(engine, opened_->node.outputs, opened_->source_progress, epoch);
    dynamic_cast<Source&>(*opened_->stage).produce(call);
    call.finish();
  }

  void process(WireReader& request) {
    const WorkerNode& node = opened_->node;
    const std::string port = request.text();
    std::vector<Packet> packets(node.inputs.size());
    for (std::uint64_t left = request.count(); left > 0; --left) {
      const std::size_t input = node.inputs.index_of(request.text());
      packets[input] = packets_.read(request, node.inputs.spec(input));
    }
    WorkerCall engine(node, connection_, packets_);
    if (const auto* transform = dynamic_cast<const Transform*>(opened_->stage.get())) {
      TransformCall call(engine, node.inputs, node.outputs, packets);
      transform->process(call);
      return call.finish();
    }
    SerialCall call(engine, node.inputs, opened_->serial_progress, packets, node.inputs.index_of(port));
    dynamic_cast<Serial&>(*opened_->stage).process(call);
    call.finish();
  }

  void save(WireWriter& value) const {
    StageState state;
    const Stage* stage = opened_->stage.get();
    if (const auto* source = dynamic_cast<const Source*>(stage)) source->save(state);
    if (const auto* serial = dynamic_cast<const Serial*>(stage)) serial->save(state);
    value.put(static_cast<std::uint64_t>(state.entries().size()));
    for (const auto& [name, bytes] : state.entries()) {
      value.text(name);
      value.text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
  }

  void load(WireReader& request) {
    StageState state;
    for (std::uint64_t left = request.count(); left > 0; --left) {
      std::string name = request.text();
      const std::string bytes = request.text();
      state.put(std::move(name), std::as_bytes(std::span(bytes)));
    }
    if (auto* source = dynamic_cast<Source*>(opened_->stage.get())) source->load(state);
    if (auto* serial = dynamic_cast<Serial*>(opened_->stage.get())) serial->load(state);
  }

  const EnterPlugin& enter_plugin_;
  std::atomic<bool> changes_floats_{false};
  bool tells_floats_ = false;
  Channel channel_{kSocketDescriptor, std::chrono::milliseconds(0)};
  RunConnection connection_{channel_};
  SharedFile inputs_{kInputsDescriptor}, outputs_{kOutputsDescriptor};
  WorkerPackets packets_{inputs_, outputs_};
  std::unique_ptr<OpenedStage> opened_;
};

[[noreturn]] void end_group_with(int parent) {
  pollfd end{parent, POLLIN, 0};
  while (poll(&end, 1, -1) < 0) {
  }
  if ((end.revents & POLLNVAL) == 0) end_group();
  // A stage has closed the pidfd, which it had not opened, before this thread could wait for it: the kernel's parent-death signal has to do.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (;;) pause();
}

// A thread, because the kernel would end this process alone, and not what it has started. It takes no signals.
bool follow_to_the_end(long parent) {
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, parent, 0));
  if (descriptor < 0) return false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  bool follows = true;
  try {
    std::thread(end_group_with, descriptor).detach();
  } catch (const std::system_error&) {
    follows = false;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return follows;
}

// The run ends this process with its own end, however that comes; between the two lines it may have ended already. A launcher
// that signals every process of a job means the run, which then stops in order and asks the stage to close.
bool bind_to(long parent) {
  if (!follow_to_the_end(parent)) prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : kStopSignals) std::signal(number, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  return getppid() == parent;
}

bool has_descriptors() {
  struct stat facts {};
  return fstat(kSocketDescriptor, &facts) == 0 && S_ISSOCK(facts.st_mode) && fstat(kOutputsDescriptor, &facts) == 0;
}

}  // namespace

int serve_stage(long parent, const EnterPlugin& enter_plugin) {
  if (!has_descriptors() || !bind_to(parent)) {
    std::fputs("a stage's process is started by a run, for a node with `run: {isolate: process}`\n", stderr);
    return static_cast<int>(ErrorKind::usage);
  }
  {
    StageWorker worker(enter_plugin);
    worker.serve();
  }
  return kEndedInOrder;
}

}  // namespace millrace::pipelines
