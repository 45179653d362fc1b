// Stage and its three kinds, and the contexts they are given. Start here.
//
//   describe (static) -> construct from params -> infer -> open -> process / produce ... -> close
//
// `check`, `plan`, `show` and `graph` stop after infer. close is called for every stage whose open returned, also after a
// failure elsewhere. A stage is constructed once a run; no two calls on one Source or Serial overlap.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/detail/export.hpp>
#include <millrace/detail/row_share.hpp>
#include <millrace/device.hpp>
#include <millrace/packet.hpp>
#include <millrace/random.hpp>
#include <millrace/stage_descriptor.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

class ModelSnapshot;

/// What an error of `infer` points at: a parameter ("classes", "model.0.dense.units"), an input port, or the node itself.
struct ErrorSite {
  enum class What : std::uint8_t { node, param, input } what = What::node;
  std::string path;

  static ErrorSite node() { return {}; }
  static ErrorSite param(std::string path) { return {What::param, std::move(path)}; }
  static ErrorSite input(std::string port) { return {What::input, std::move(port)}; }
};

/// Given to `infer`. Calls collect; nothing is thrown at the user before the whole config has been looked at.
class MILLRACE_EXPORT InferContext {
 public:
  virtual ~InferContext();
  /// Names of the connected inputs, in the user's order.
  virtual std::vector<std::string> inputs() const = 0;
  virtual bool has_input(std::string_view name) const = 0;
  /// Spec of a connected input. Throws Error("no-such-port", run) for another name.
  virtual const PortSpec& input(std::string_view name) const = 0;
  /// Sets the spec of an output. Every declared output must be set unless an error was reported.
  virtual void output(std::string_view name, PortSpec spec) = 0;
  /// Reports an error and goes on. `name` is the stable name in brackets; `message` one sentence; `help` what to do.
  virtual void error(ErrorSite site, std::string name, std::string message, std::string help = {}) = 0;

  /// Memory the stage will hold besides what flows: a data set, a partial batch, weights and activations.
  virtual void uses_memory(std::string what, std::size_t bytes) = 0;
  /// The stage keeps up to `rows` input rows that it has not emitted yet. The engine widens the sources' budgets so that
  /// this many rows can be alive, and keeps the credits of those rows until its next output packet.
  virtual void accumulates(std::int64_t rows) = 0;

  virtual const DeviceId& device() const = 0;
  virtual std::uint32_t epochs() const = 0;

  // What follows is heard by those who check a whole graph; who lets a stage infer for another purpose need not hear it.
  // NOLINTBEGIN(performance-unnecessary-value-param): those who hear it keep what they are given

  /// The stage will open and work in a process of its own, which has no device but its host.
  virtual bool is_isolated() const { return false; }
  /// The stage will draw random numbers for `purpose`, a fixed text in the code ("shuffle"); OpenContext::random gives them.
  /// Nodes that draw for one purpose each draw numbers of their own, unless the config gives them one `seed`.
  virtual void draws(std::string_view /*purpose*/) {}
  /// The names of what a metrics output will carry, in order. Two nodes whose metrics would bear one name are then an error of
  /// the config and not of the run.
  virtual void measures(std::string_view /*output*/, std::vector<std::string> /*names*/) {}
  /// The names of what comes on a metrics input, in order; empty where nobody knows them yet.
  virtual std::vector<std::string> measured(std::string_view /*input*/) const { return {}; }
  /// What comes on a metrics input is told to the user with `prefix` before each name, and not by the engine's own names.
  virtual void reports(std::string_view /*input*/, std::string /*prefix*/) {}
  /// The stage will read this file: the run's JSON names its digest, and the processes of a run compare theirs before any of
  /// them trains. `sha256`: of the content that the stage will insist on, when it knows it.
  virtual void reads_file(std::string /*path*/, std::string /*sha256*/ = {}) {}
  /// Reports what runs and is probably not meant. Shown as errors are, with the same places; the run goes on unless the user
  /// asked for `--strict`.
  virtual void warn(ErrorSite /*site*/, std::string /*name*/, std::string /*message*/, std::string /*help*/ = {}) {}
  /// A source sends rows `first` to `end` - 1 of `origin`, which names data that other nodes may read too, such as a file's
  /// real path. Rows that train a model and evaluate it as well are warned of.
  virtual void reads_rows(std::string /*origin*/, std::int64_t /*first*/, std::int64_t /*end*/) {}
  /// Memory beyond uses_memory that the stage will hold only if as many rows come as it would take, where nobody knows how many
  /// will. `plan` tells of it, and no run is refused for it.
  virtual void may_use_memory(std::string /*what*/, std::size_t /*most_bytes*/) {}
  // NOLINTEND(performance-unnecessary-value-param)
};

/// The best epoch by a metric, as a stage that judges epochs sees it, and whether the run ends because none was better.
struct BestEpoch {
  std::string input, metric;     ///< the metrics input that it comes on, and its name there
  std::uint32_t epoch = 0;       ///< 0: none has had a finite value
  double value = 0;              ///< its value in that epoch
  std::uint32_t waits = 0;       ///< epochs without a better one after which the run ends
  std::uint32_t decided_at = 0;  ///< the epoch at whose end that was so, the first time; 0: it never was
  /// The weights of the best epoch, for a run that ends with them in place of those that it has trained last; else null.
  std::shared_ptr<const ModelSnapshot> model = {};
};

/// Where a stage tells the user how far it is. What leaves by its ports of metrics and models reaches the history and the report
/// without this.
class MILLRACE_EXPORT RunReporter {
 public:
  virtual ~RunReporter();
  /// Adds values that leave by no port to epoch `metrics.epoch` of the history. Any thread. Throws Error("diverged", diverged)
  /// for a value that is not finite, Error("metric-clash", run) for a name that another node has.
  virtual void epoch_metrics(const Metrics& metrics) = 0;
  /// Where training stands. Cheap; any thread.
  virtual void step(const StepProgress& progress) = 0;
  /// A model that leaves by no port. Throws Error("diverged", diverged) when a weight is not finite.
  virtual void model(std::shared_ptr<const ModelSnapshot> model) = 0;
  /// Which epoch is the best; takes the place of what the node has told before. The run reports the model, where there is one, as that of its
  /// trainer when it has come to its own end. Any thread.
  virtual void best_epoch(const BestEpoch& /*best*/) {}
  /// Text for the user's standard output, a whole line or several, each ended by a newline. Any thread. What is printed in
  /// calls of an epoch is shown when the epoch has ended, in the order of the nodes.
  virtual void print(std::string_view text) = 0;
  /// What the user should know although the run goes on: told once for each node and name, and counted. `--strict` makes it a
  /// failure. Any thread.
  virtual void warn(std::string name, std::string message, std::string help = {}) = 0;
};

/// Given to `open`; everything it refers to outlives the stage.
class MILLRACE_EXPORT OpenContext {
 public:
  virtual ~OpenContext();
  virtual const std::string& node() const = 0;
  virtual const PortSpec& input(std::string_view name) const = 0;
  virtual const PortSpec& output(std::string_view name) const = 0;
  virtual std::vector<std::string> inputs() const = 0;
  virtual Device& device() = 0;
  virtual Communicator& communicator() = 0;
  /// In a run over several processes: the rows of an epoch that are this one's. The whole epoch elsewhere.
  virtual RowShare share() const;
  virtual RunReporter& reporter() = 0;
  virtual std::uint32_t epochs() const = 0;
  /// The epoch that the run starts with: 1, or later when it resumes.
  virtual std::uint32_t first_epoch() const = 0;
  /// The input port is fed by memory that a GPU will copy from, so write it into device().staging().
  virtual bool feeds_device() const = 0;

  /// The numbers that this node draws for a purpose: no other node's, on any thread, in any process. Throws
  /// Error("undeclared-purpose", plugin) unless infer has said draws(purpose).
  Random random(std::string_view purpose) const { return {seed(purpose), purpose}; }
  /// The seed of random(purpose), for who draws for several ends under one purpose.
  virtual std::uint64_t seed(std::string_view purpose) const = 0;
};

/// A packet to be sent. `fields` follow the order of the port's spec.
struct OutputPacket {
  std::vector<Field> fields;
  SampleIds ids;
  std::uint64_t first_row = 0;
  bool last_in_epoch = false;
  std::shared_ptr<const Metrics> metrics;
  std::shared_ptr<const ModelSnapshot> model;  ///< beside metrics: the one that they are of, where it is known

  /// Many rows of one tensor.
  static OutputPacket tensor(Tensor t, SampleIds ids, std::uint64_t first_row, bool last_in_epoch) {
    OutputPacket e;
    e.fields.push_back({std::string(kValueField), std::move(t)});
    e.ids = std::move(ids);
    e.first_row = first_row;
    e.last_in_epoch = last_in_epoch;
    return e;
  }
};

/// Common to the three kinds of work.
class MILLRACE_EXPORT WorkContext {
 public:
  virtual ~WorkContext();
  /// Memory for what the stage emits: pinned when a GPU is fed from it, the device's own for a stage that copies to it.
  virtual OutTensor allocate(TensorSpec spec, std::int64_t rows) = 0;
  /// The run is being stopped: a long body may return early. What it emits is discarded.
  virtual bool stopping() const = 0;
  /// Seconds on a clock that never goes back; where it starts means nothing. The only clock of a stage: a test sets it.
  virtual double seconds() const;
  virtual const PortSpec& output(std::string_view name) const = 0;
  /// The run ends after epoch `from_epoch` + 1, whatever the timing; call it while the metrics of `from_epoch` are held.
  virtual void stop_after(std::uint32_t from_epoch) = 0;
  /// Work of the device up to `event` still reads `packet` or writes `fields`: both stay alive until it is done, and the
  /// run does not end before. Returns at once. When the device fails, or nothing of it is done for too long, the run fails
  /// and names the calling node. Copies neither when the event is done already.
  virtual void keep_until(const Event& event, const Packet& packet, std::span<const Field> fields) = 0;
  void keep_until(const Event& event, const Packet& packet) { keep_until(event, packet, {}); }
};

class MILLRACE_EXPORT SourceContext : public WorkContext {
 public:
  /// The epoch, from 1; 0 when the config says `epochs: 0`.
  virtual std::uint32_t epoch() const = 0;
  /// Sends a packet. Each call of produce sends exactly one packet on every output port, all with the same rows, ids and
  /// last_in_epoch.
  virtual void emit(std::string_view port, OutputPacket) = 0;
};

class MILLRACE_EXPORT TransformContext : public WorkContext {
 public:
  virtual const Packet& input(std::string_view port = "in") const = 0;
  /// Sends the packet of an output port: same seq, rows, ids and position as the input; exactly once a port.
  virtual void emit(std::string_view port, std::vector<Field> fields) = 0;
  void emit(std::string_view port, Tensor t) { emit(port, {Field{std::string(kValueField), std::move(t)}}); }
};

class MILLRACE_EXPORT SerialContext : public WorkContext {
 public:
  /// The packet of a port: joined inputs have one on every port, independent inputs on port() only.
  virtual const Packet& input(std::string_view port = "in") const = 0;
  /// The port that this call is for (independent inputs); the first port (joined inputs).
  virtual std::string_view port() const = 0;
  /// Sends a packet; its epoch is that of the input. Any number of times.
  virtual void emit(std::string_view port, OutputPacket) = 0;
  /// The last thing of a call: `body` goes on with it, in a context as this one, once `event` is done; at once where that is so
  /// already. No thread waits meanwhile, and no other packet of this stage comes in between. Dropped when the run is stopped.
  virtual void when(const Event& event, std::function<void(SerialContext&)> body) = 0;
};

/// State of a stage at the end of an epoch, by name.
class MILLRACE_EXPORT StageState {
 public:
  void put(std::string name, std::span<const std::byte> bytes);
  /// Throws Error("no-such-state", data).
  std::span<const std::byte> get(std::string_view name) const;
  const std::map<std::string, std::vector<std::byte>, std::less<>>& entries() const { return entries_; }

 private:
  std::map<std::string, std::vector<std::byte>, std::less<>> entries_;
};

class MILLRACE_EXPORT Stage {
 public:
  virtual ~Stage();
  /// From input specs to output specs, encodings and working memory. May read file headers; no device, no thread, no large
  /// memory. Called once, on the main thread.
  virtual void infer(InferContext&) = 0;
  /// Before any data. Acquires what the stage needs. Throws on failure; close is then not called.
  virtual void open(OpenContext&) {}
  virtual void close() noexcept {}
};

/// Produces blocks, each epoch from its beginning; one thread at a time.
class MILLRACE_EXPORT Source : public Stage {
 public:
  /// An epoch begins. `epoch` is what SourceContext::epoch() will say.
  virtual void begin_epoch(std::uint32_t /*epoch*/) {}
  /// Emits the next block of the epoch; with the last one, last_in_epoch is set and the epoch is over.
  virtual void produce(SourceContext&) = 0;
  virtual void save(StageState&) const {}
  virtual void load(const StageState&) {}
};

/// Maps packets, one out for one in; called from any number of threads at once, hence const.
class MILLRACE_EXPORT Transform : public Stage {
 public:
  virtual void process(TransformContext&) const = 0;
};

/// A Transform for which several packets at once cost less than one by one: what it does beside its work, a copy to a device or
/// a call to a server, is then paid once. Nothing else changes: one packet out for one in, whatever came with it.
class MILLRACE_EXPORT GroupedTransform : public Transform {
 public:
  /// A context for each packet that waits for this stage now, in their order; at least one. No packet is kept back to make the
  /// group larger, so how packets are grouped depends on timing, and what is emitted must not.
  virtual void process_group(std::span<TransformContext* const> packets) const = 0;
  void process(TransformContext& packet) const final {
    TransformContext* const one = &packet;
    process_group({&one, 1});
  }
};

/// Takes packets one at a time, in `seq` order; may keep state and emit any number of packets. A sink is a Serial without
/// outputs.
class MILLRACE_EXPORT Serial : public Stage {
 public:
  virtual void process(SerialContext&) = 0;
  /// Taken after a packet with last_in_epoch; in the middle of an epoch only of a StateKind::resumable stage. Never while it is in a call
  /// or waits in `when`.
  virtual void save(StageState&) const {}
  /// After open, before the first packet.
  virtual void load(const StageState&) {}
};

}  // namespace millrace
