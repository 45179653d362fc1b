// One call of a stage: what it may read and send, and whether it has kept its contract.
//
// The rules stand here once, for a graph, for a test and for a stage in a process of its own. What differs between these is a
// CallEngine: where memory comes from, and where packets go.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/detail/port_table.hpp>
#include <millrace/stage.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {

/// What an engine of stages supplies for one call. What is not pure suits an engine without neighbors: nothing goes on beside
/// the stage, so it may wait.
class MILLRACE_EXPORT CallEngine {
 public:
  virtual ~CallEngine();
  virtual OutTensor allocate(TensorSpec spec, std::int64_t rows) = 0;
  /// Takes a packet that keeps the contract; all of it is set but the lease.
  virtual void send(std::size_t output, Packet packet) = 0;
  virtual bool stopping() const { return false; }
  virtual double seconds() const;
  virtual void stop_after(std::uint32_t /*from_epoch*/) {}
  virtual void keep_until(const Event& event, const Packet& packet, std::span<const Field> fields);
  /// Whether the call may wait for `event`; it has waited when this returns true. Else the rest of the call is left to the
  /// engine: SerialCall::take_rest.
  virtual bool waits_for(const Event& event);
};

/// `Context` is SourceContext, TransformContext or SerialContext: what the three have in common.
template <class Context>
class MILLRACE_EXPORT CallOf : public Context {
 public:
  CallOf(CallEngine& engine, const PortTable& outputs) : engine_(engine), outputs_(outputs) {}

  OutTensor allocate(TensorSpec spec, std::int64_t rows) override { return engine_.allocate(std::move(spec), rows); }
  bool stopping() const override { return engine_.stopping(); }
  double seconds() const override { return engine_.seconds(); }
  const PortSpec& output(std::string_view name) const override { return outputs_.at(name); }
  void stop_after(std::uint32_t from_epoch) override { engine_.stop_after(from_epoch); }
  using Context::keep_until;
  void keep_until(const Event& event, const Packet& packet, std::span<const Field> fields) override {
    engine_.keep_until(event, packet, fields);
  }

 protected:
  CallEngine& engine_;
  const PortTable& outputs_;
};

/// The output ports that one call has sent to. Most stages have few, which cost no allocation.
class MILLRACE_EXPORT SentPorts {
 public:
  explicit SentPorts(std::size_t ports) : ports_(ports), many_(ports > kFew ? ports : 0, false) {}
  bool has(std::size_t port) const { return many_.empty() ? ((few_ >> port) & 1U) != 0 : many_[port]; }
  void add(std::size_t port) {
    if (many_.empty())
      few_ |= std::uint64_t{1} << port;
    else
      many_[port] = true;
  }
  /// The first port that nothing was sent to.
  std::optional<std::size_t> first_without() const {
    for (std::size_t port = 0; port < ports_; ++port)
      if (!has(port)) return port;
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kFew = 64;
  std::size_t ports_;
  std::uint64_t few_ = 0;
  std::vector<bool> many_;
};

/// How far a source has come, from call to call.
class MILLRACE_EXPORT SourceProgress {
 public:
  /// `share`: of the rows that infer has promised for an epoch.
  SourceProgress(const PortTable& outputs, const RowShare& share);
  /// To be called with begin_epoch of the source; with the rows before the one that it begins with.
  void begin_epoch(std::int64_t rows_before = 0) { epoch_rows_ = rows_before; }

 private:
  friend class SourceCall;
  void require_promised_rows(bool last) const;

  std::uint64_t next_seq_ = 0;
  std::int64_t epoch_rows_ = 0;
  std::vector<std::int64_t>
      promised_rows_;  ///< rows of an epoch that infer has promised, one number an output that promises any
};

/// One call of produce. Throws from emit: Error("no-such-port" | "output-mismatch" | "source-contract", run).
class MILLRACE_EXPORT SourceCall final : public CallOf<SourceContext> {
 public:
  SourceCall(CallEngine& engine, const PortTable& outputs, SourceProgress& progress, std::uint32_t epoch);
  std::uint32_t epoch() const override { return epoch_; }
  void emit(std::string_view port, OutputPacket output_packet) override;
  /// To be called when produce has returned. Throws Error("source-contract", run) for an output without a packet and for other
  /// rows of the epoch than were promised, unless the run is being stopped.
  void finish();
  /// The epoch is over.
  bool was_last() const { return last_; }

 private:
  void require_same_as_first(std::string_view port, std::int64_t rows, const OutputPacket& output_packet);

  SourceProgress& progress_;
  const std::uint32_t epoch_;
  SentPorts sent_;
  bool any_ = false, last_ = false;
  std::int64_t rows_ = 0;
  SampleIds ids_;
};

/// One call of process of a Transform, or one packet of a group. Throws from emit:
/// Error("no-such-port" | "output-mismatch" | "transform-contract", run).
class MILLRACE_EXPORT TransformCall final : public CallOf<TransformContext> {
 public:
  /// `packets` by input; that of `port` gives its seq, rows, ids and position to what is sent. All must outlive this.
  TransformCall(CallEngine& engine, const PortTable& inputs, const PortTable& outputs, std::span<const Packet> packets,
                std::size_t port = 0);
  using TransformContext::emit;
  const Packet& input(std::string_view port) const override;
  void emit(std::string_view port, std::vector<Field> fields) override;
  /// To be called when process has returned. Throws Error("transform-contract", run) for an output without a packet, unless the
  /// run is being stopped.
  void finish() const;

 private:
  const PortTable& inputs_;
  std::span<const Packet> packets_;
  std::size_t port_;
  SentPorts sent_;
};

/// What a Serial has sent, output by output, from call to call.
class MILLRACE_EXPORT SerialProgress {
 public:
  /// `first_epoch`: that of the first packet it is given. `outputs` must outlive this.
  SerialProgress(const PortTable& outputs, InputMode mode, std::uint32_t first_epoch);

 private:
  friend class SerialCall;
  struct Output {
    std::uint64_t next_seq = 0;
    std::uint32_t epoch = 0;  ///< the first that has not ended here
  };
  void require_in_epoch(std::size_t output, std::uint32_t epoch) const;
  /// Each output has the end of `epoch`.
  void require_ended(std::uint32_t epoch) const;

  const PortTable& ports_;
  bool joined_;
  std::vector<Output> outputs_;
};

/// The rest of a call, which waits for the device.
struct MILLRACE_EXPORT CallRest {
  Event event;
  std::function<void(SerialContext&)> body;
};

/// One call of process of a Serial, or the rest of one. Throws from emit:
/// Error("no-such-port" | "output-mismatch" | "serial-contract", run).
class MILLRACE_EXPORT SerialCall final : public CallOf<SerialContext> {
 public:
  /// `packets` by input; those that did not come have no lease. `port`: the input that the call is for. All must outlive this.
  SerialCall(CallEngine& engine, const PortTable& inputs, SerialProgress& progress, std::span<const Packet> packets,
             std::size_t port);
  const Packet& input(std::string_view port) const override;
  std::string_view port() const override { return inputs_.name(port_); }
  void emit(std::string_view port, OutputPacket output_packet) override;
  void when(const Event& event, std::function<void(SerialContext&)> body) override;
  /// What is to be done when its event is done, in a call of its own; without a body when nothing is. Then the call is finished.
  CallRest take_rest() { return std::exchange(rest_, {}); }
  /// To be called when process has returned and nothing is left of the call. Throws Error("serial-contract", run) when the epoch
  /// has ended at joined inputs and not on every output, unless the run is being stopped.
  void finish() const;

 private:
  const PortTable& inputs_;
  SerialProgress& progress_;
  std::span<const Packet> packets_;
  std::size_t port_;
  CallRest rest_;
  bool asked_ = false;  ///< `when` was called
};

}  // namespace millrace
