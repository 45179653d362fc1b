// A proxy for remote procedure calls: each call of a stage becomes a request, and what it emits, prints or warns of before the answer is
// passed on to the run.
#include "isolated_stage.hpp"

#include "stage_process.hpp"

#include <millrace/error.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>

namespace millrace::pipelines {
namespace {

constexpr std::size_t kMostIds = 16;

std::string samples_text(const Packet& packet) {
  const std::span<const std::uint64_t> ids = packet.sample_ids();
  const auto shown = ids.first(std::min(ids.size(), kMostIds));
  const std::string more = ids.size() > shown.size() ? fmt::format(", and {} more", ids.size() - shown.size()) : "";
  return fmt::format("the packet in hand has the samples {}{}", fmt::join(shown, ", "), more);
}

void write_ports(WireWriter& to, const std::vector<std::pair<std::string, PortSpec>>& ports) {
  to.put(static_cast<std::uint64_t>(ports.size()));
  for (const auto& [name, port] : ports) {
    to.text(name);
    write(to, port);
  }
}

StepProgress read_progress(WireReader& from) {
  StepProgress progress;
  progress.epoch = from.get<std::uint32_t>();
  for (std::int64_t* value : {&progress.step, &progress.steps, &progress.samples}) *value = from.get<std::int64_t>();
  for (double* value : {&progress.loss, &progress.accuracy, &progress.seconds}) *value = from.get<double>();
  return progress;
}

/// What the three kinds have in common.
class Remote {
 public:
  explicit Remote(Isolation isolation) : isolation_(std::move(isolation)) {}
  ~Remote() {
    guarded([this] {
      if (process_) process_->end();
    });
  }
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  void open(OpenContext& context) {
    require_worker();
    reporter_ = &context.reporter();
    for (const std::string& name : context.inputs()) inputs_.emplace_back(name, context.input(name));
    process_ = std::make_unique<StageProcess>(isolation_.worker_program, isolation_.limit);
    WireWriter request;
    request.put(Request::open);
    request.text(isolation_.stage->file);
    request.text(isolation_.stage->name);
    write(request, isolation_.params);
    write_node(request, context);
    call(request, nullptr);
  }

  void close() noexcept {
    if (process_->is_gone()) return;
    guarded([this] {
      WireWriter request;
      request.put(Request::close);
      call(request, nullptr);
    });
  }

  void begin_epoch(std::uint32_t epoch) {
    WireWriter request;
    request.put(Request::begin_epoch);
    request.put(epoch);
    call(request, nullptr);
  }

  void produce(SourceContext& context) {
    WireWriter request;
    request.put(Request::produce);
    request.put(context.epoch());
    call(request, &context,
         [&](std::string_view port, OutputPacket output_packet) { context.emit(port, std::move(output_packet)); });
  }

  void process(TransformContext& context) {
    work(context, "", input_names(), [&](std::string_view port, OutputPacket output_packet) {
      context.emit(port, std::move(output_packet.fields));
    });
  }

  void process(SerialContext& context) {
    const std::string port(context.port());
    const bool joined = isolation_.stage->spec.input_mode() == InputMode::joined;
    work(context, port, joined ? input_names() : std::vector<std::string>{port},
         [&](std::string_view name, OutputPacket output_packet) { context.emit(name, std::move(output_packet)); });
  }

  void save(StageState& state) {
    WireWriter request;
    request.put(Request::save);
    const std::string answer = call(request, nullptr);
    WireReader reader(answer);
    for (std::uint64_t left = reader.count(); left > 0; --left) {
      std::string name = reader.text();
      const std::string bytes = reader.text();
      state.put(std::move(name), std::as_bytes(std::span(bytes)));
    }
  }

  void load(const StageState& state) {
    WireWriter request;
    request.put(Request::load);
    request.put(static_cast<std::uint64_t>(state.entries().size()));
    for (const auto& [name, bytes] : state.entries()) {
      request.text(name);
      request.text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    call(request, nullptr);
  }

 private:
  void require_worker() const {
    if (!isolation_.worker_program.empty() && !isolation_.stage->file.empty()) return;
    throw Error(ErrorKind::run, "no-stage-worker",
                fmt::format("`{}` cannot run in a process of its own: {}", isolation_.stage->name,
                            isolation_.worker_program.empty() ? "this program names none that serves stages"
                                                              : "it is part of this program and not of a plugin"),
                "set `isolate: none`, or start the run with pipeline-run");
  }

  using Emit = std::function<void(std::string_view, OutputPacket)>;

  template <class Body>
  void guarded(const Body& body) noexcept {
    try {
      body();
    } catch (...) {
      isolation_.fail(std::current_exception());
    }
  }

  std::vector<std::string> input_names() const {
    std::vector<std::string> names;
    for (const auto& [name, port] : inputs_) names.push_back(name);
    return names;
  }

  void write_node(WireWriter& to, OpenContext& context) const {
    const DeviceId& device = context.device().id();
    const RowShare share = context.share();
    to.text(context.node());
    write_ports(to, inputs_);
    write_ports(to, isolation_.outputs);
    to.text(device.kind);
    to.put(static_cast<std::int32_t>(device.index));
    to.put(static_cast<std::uint64_t>(isolation_.seeds.size()));
    for (const auto& [purpose, seed] : isolation_.seeds) {
      to.text(purpose);
      to.put(seed);
    }
    to.put(context.epochs());
    to.put(context.first_epoch());
    to.put(static_cast<std::int32_t>(share.rank));
    to.put(static_cast<std::int32_t>(share.size));
    to.put(share.batch_rows);
    to.put(static_cast<std::uint8_t>(context.feeds_device()));
  }

  template <class Context>
  void work(Context& context, std::string_view port, const std::vector<std::string>& names, const Emit& emit) {
    process_->require_there();
    WireWriter request;
    request.put(Request::process);
    request.text(port);
    request.put(static_cast<std::uint64_t>(names.size()));
    for (const std::string& name : names) {
      request.text(name);
      process_->packets().write(request, context.input(name), input(name));
    }
    try {
      call(request, &context, emit);
    } catch (Error& error) {
      if (process_->is_gone()) error.add_note(samples_text(context.input(names.front())));
      throw;
    }
  }

  const PortSpec& input(const std::string& name) const {
    return std::find_if(inputs_.begin(), inputs_.end(), [&](const auto& port) { return port.first == name; })->second;
  }

  std::string call(const WireWriter& request, WorkContext* context, const Emit& emit = {}) {
    return process_->call(
        request, [&](WorkerMessage kind, WireReader& reader) { take(kind, reader, context, emit); },
        [&] { return context != nullptr && context->stopping(); });
  }

  void take(WorkerMessage kind, WireReader& reader, WorkContext* context, const Emit& emit) {
    if (kind == WorkerMessage::print) return reporter_->print(reader.text());
    if (kind == WorkerMessage::warning) return warn(reader);
    if (kind == WorkerMessage::metrics) return reporter_->epoch_metrics(read_metrics(reader));
    if (kind == WorkerMessage::step) return reporter_->step(read_progress(reader));
    if (context == nullptr || !emit) WireReader::garbled("a packet outside of the stage's work");
    if (kind == WorkerMessage::stop_after) return stop_after(reader.get<std::uint32_t>(), *context);
    const std::string port = reader.text();
    const PortSpec& promised = context->output(port);
    OutputPacket output_packet = process_->packets().read(reader, promised, *context);
    reader.require_end();
    emit(port, std::move(output_packet));
  }

  void warn(WireReader& reader) {
    Problem told = read_problem(reader);
    reporter_->warn(std::move(told.name), std::move(told.message), std::move(told.help));
  }

  void stop_after(std::uint32_t epoch, WorkContext& context) {
    WireWriter reply;
    try {
      context.stop_after(epoch);
      reply.put(std::uint8_t{0});
    } catch (...) {
      reply.put(std::uint8_t{1});
      write_exception(reply, std::current_exception());
    }
    process_->reply(reply);
  }

  Isolation isolation_;
  RunReporter* reporter_ = nullptr;
  std::vector<std::pair<std::string, PortSpec>> inputs_;
  std::unique_ptr<StageProcess> process_;
};

class IsolatedSource final : public Source {
 public:
  explicit IsolatedSource(Isolation isolation) : remote_(std::move(isolation)) {}
  void infer(InferContext&) override {}
  void open(OpenContext& context) override { remote_.open(context); }
  void close() noexcept override { remote_.close(); }
  void begin_epoch(std::uint32_t epoch) override { remote_.begin_epoch(epoch); }
  void produce(SourceContext& context) override { remote_.produce(context); }
  void save(StageState& state) const override { remote_.save(state); }
  void load(const StageState& state) override { remote_.load(state); }

 private:
  mutable Remote remote_;
};

class IsolatedTransform final : public Transform {
 public:
  explicit IsolatedTransform(Isolation isolation) : remote_(std::move(isolation)) {}
  void infer(InferContext&) override {}
  void open(OpenContext& context) override { remote_.open(context); }
  void close() noexcept override { remote_.close(); }
  void process(TransformContext& context) const override { remote_.process(context); }

 private:
  mutable Remote remote_;
};

class IsolatedSerial final : public Serial {
 public:
  explicit IsolatedSerial(Isolation isolation) : remote_(std::move(isolation)) {}
  void infer(InferContext&) override {}
  void open(OpenContext& context) override { remote_.open(context); }
  void close() noexcept override { remote_.close(); }
  void process(SerialContext& context) override { remote_.process(context); }
  void save(StageState& state) const override { remote_.save(state); }
  void load(const StageState& state) override { remote_.load(state); }

 private:
  mutable Remote remote_;
};

}  // namespace

std::unique_ptr<Stage> make_isolated_stage(Isolation isolation) {
  switch (isolation.stage->kind) {
    case StageKind::source:
      return std::make_unique<IsolatedSource>(std::move(isolation));
    case StageKind::transform:
      return std::make_unique<IsolatedTransform>(std::move(isolation));
    case StageKind::serial:
      break;
  }
  return std::make_unique<IsolatedSerial>(std::move(isolation));
}

}  // namespace millrace::pipelines
