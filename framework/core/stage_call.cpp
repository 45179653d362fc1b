// The rules of a call, for each kind of stage.
#include <millrace/detail/counted.hpp>
#include <millrace/detail/output_check.hpp>
#include <millrace/detail/stage_call.hpp>
#include <millrace/error.hpp>

#include <fmt/format.h>

#include <chrono>
#include <string>

namespace millrace {
namespace {

constexpr const char* kSourceContract =
    "this is a defect of the stage: each call of produce sends one packet on every output, all with the same rows";
constexpr const char* kTransformContract =
    "this is a defect of the stage: process emits exactly once on every output, as many rows as came in";
constexpr const char* kSerialContract =
    "this is a defect of the stage: on every data output it sends the packets of an epoch while it is given that "
    "epoch's, and exactly one of them, the last, with last_in_epoch";

[[noreturn]] void break_source(std::string message, const char* help = kSourceContract) {
  throw Error(ErrorKind::run, "source-contract", std::move(message), help);
}

[[noreturn]] void break_transform(std::string message) {
  throw Error(ErrorKind::run, "transform-contract", std::move(message), kTransformContract);
}

[[noreturn]] void break_serial(std::string message, const char* help = kSerialContract) {
  throw Error(ErrorKind::run, "serial-contract", std::move(message), help);
}

/// The part of a packet that a stage decides.
Packet packet_from(OutputPacket&& output_packet, std::int64_t rows) {
  Packet packet;
  packet.header.first_row = output_packet.first_row;
  packet.header.last_in_epoch = output_packet.last_in_epoch;
  packet.rows = rows;
  packet.ids = std::move(output_packet.ids);
  packet.fields = std::move(output_packet.fields);
  packet.metrics = std::move(output_packet.metrics);
  packet.model = std::move(output_packet.model);
  return packet;
}

const Packet& packet_at(const PortTable& inputs, std::span<const Packet> packets, std::string_view port) {
  const Packet& packet = packets[inputs.index_of(port)];
  if (packet.lease) return packet;
  throw Error(ErrorKind::run, "no-such-packet", fmt::format("this call has no packet on input `{}`", port),
              "with independent inputs, look at port() first");
}

}  // namespace

CallEngine::~CallEngine() = default;

double CallEngine::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void CallEngine::keep_until(const Event& event, const Packet&, std::span<const Field>) { event.synchronize(); }

bool CallEngine::waits_for(const Event& event) {
  event.synchronize();
  return true;
}

SourceProgress::SourceProgress(const PortTable& outputs, const RowShare& share) {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs.spec(i).rows_per_epoch) promised_rows_.push_back(share.rows_of_epoch(*outputs.spec(i).rows_per_epoch));
}

void SourceProgress::require_promised_rows(bool last) const {
  for (const std::int64_t promised : promised_rows_)
    if (last ? epoch_rows_ != promised : epoch_rows_ > promised)
      break_source(fmt::format("{} in an epoch, promised were {}", counted(epoch_rows_, "row"), promised),
                   "the rows of an epoch must be as many as infer has said");
}

SourceCall::SourceCall(CallEngine& engine, const PortTable& outputs, SourceProgress& progress, std::uint32_t epoch)
    : CallOf(engine, outputs), progress_(progress), epoch_(epoch), sent_(outputs.size()) {}

void SourceCall::emit(std::string_view port, OutputPacket output_packet) {
  const std::size_t output = outputs_.index_of(port);
  const std::int64_t rows = check_output(port, outputs_.spec(output), output_packet);
  if (sent_.has(output)) break_source(fmt::format("output `{}` twice", port));
  require_same_as_first(port, rows, output_packet);
  sent_.add(output);
  Packet packet = packet_from(std::move(output_packet), rows);
  packet.header.seq = progress_.next_seq_;
  packet.header.epoch = epoch_;
  engine_.send(output, std::move(packet));
}

void SourceCall::require_same_as_first(std::string_view port, std::int64_t rows, const OutputPacket& output_packet) {
  if (!any_) {
    any_ = true;
    rows_ = rows;
    last_ = output_packet.last_in_epoch;
    ids_ = output_packet.ids;
    return;
  }
  const bool same_ids = output_packet.ids == ids_ || (output_packet.ids && ids_ && *output_packet.ids == *ids_);
  if (rows != rows_ || output_packet.last_in_epoch != last_ || !same_ids)
    break_source(fmt::format("output `{}` has other rows, ids or last_in_epoch than the output before", port));
}

void SourceCall::finish() {
  ++progress_.next_seq_;
  progress_.epoch_rows_ += rows_;
  if (stopping()) return;
  if (const auto output = sent_.first_without())
    break_source(fmt::format("no packet on output `{}`", outputs_.name(*output)));
  progress_.require_promised_rows(last_);
}

TransformCall::TransformCall(CallEngine& engine, const PortTable& inputs, const PortTable& outputs,
                             std::span<const Packet> packets, std::size_t port)
    : CallOf(engine, outputs), inputs_(inputs), packets_(packets), port_(port), sent_(outputs.size()) {}

const Packet& TransformCall::input(std::string_view port) const { return packet_at(inputs_, packets_, port); }

void TransformCall::emit(std::string_view port, std::vector<Field> fields) {
  const std::size_t output = outputs_.index_of(port);
  if (sent_.has(output)) break_transform(fmt::format("output `{}` twice", port));
  const std::int64_t rows = check_fields(port, outputs_.spec(output), fields);
  const Packet& in = packets_[port_];
  if (rows != in.rows)
    break_transform(fmt::format("{} on output `{}` for {} in", counted(rows, "row"), port, counted(in.rows, "row")));
  sent_.add(output);
  Packet packet;
  packet.header = in.header;
  packet.rows = rows;
  packet.ids = in.ids;
  packet.fields = std::move(fields);
  engine_.send(output, std::move(packet));
}

void TransformCall::finish() const {
  const auto output = sent_.first_without();
  if (output && !stopping()) break_transform(fmt::format("no packet on output `{}`", outputs_.name(*output)));
}

SerialProgress::SerialProgress(const PortTable& outputs, InputMode mode, std::uint32_t first_epoch)
    : ports_(outputs), joined_(mode == InputMode::joined), outputs_(outputs.size(), Output{0, first_epoch}) {}

// An epoch ends once on each output, and none is left out: else its rows would be counted as another's.
void SerialProgress::require_in_epoch(std::size_t output, std::uint32_t epoch) const {
  const std::uint32_t expected = outputs_[output].epoch;
  if (epoch == expected) return;
  const std::string& port = ports_.name(output);
  break_serial(epoch < expected
                   ? fmt::format("output `{}`: a packet of epoch {} behind the one with last_in_epoch", port, epoch)
                   : fmt::format("output `{}`: a packet of epoch {}, but none of epoch {} had last_in_epoch", port,
                                 epoch, expected));
}

void SerialProgress::require_ended(std::uint32_t epoch) const {
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (ports_.spec(i).kind == PortKind::data && outputs_[i].epoch <= epoch)
      break_serial(fmt::format("output `{}`: no packet with last_in_epoch in epoch {}", ports_.name(i), epoch));
}

SerialCall::SerialCall(CallEngine& engine, const PortTable& inputs, SerialProgress& progress,
                       std::span<const Packet> packets, std::size_t port)
    : CallOf(engine, progress.ports_), inputs_(inputs), progress_(progress), packets_(packets), port_(port) {}

const Packet& SerialCall::input(std::string_view port) const { return packet_at(inputs_, packets_, port); }

void SerialCall::emit(std::string_view port, OutputPacket output_packet) {
  const std::size_t output = outputs_.index_of(port);
  const PortSpec& spec = outputs_.spec(output);
  const std::int64_t rows = check_output(port, spec, output_packet);
  const std::uint32_t epoch = packets_[port_].header.epoch;
  SerialProgress::Output& sent = progress_.outputs_[output];
  if (spec.kind == PortKind::data) {
    progress_.require_in_epoch(output, epoch);
    if (output_packet.last_in_epoch) ++sent.epoch;
  }
  Packet packet = packet_from(std::move(output_packet), rows);
  packet.header.seq = sent.next_seq++;
  packet.header.epoch = epoch;
  engine_.send(output, std::move(packet));
}

void SerialCall::when(const Event& event, std::function<void(SerialContext&)> body) {
  if (asked_) break_serial("`when` was called twice in one call", "put the two bodies into one");
  if (!event.state() || engine_.waits_for(event))
    body(*this);  // which may ask for something to be done after it, as it may where it is called later
  else
    rest_ = {event, std::move(body)};
  asked_ = true;
}

void SerialCall::finish() const {
  const PacketHeader& header = packets_[port_].header;
  if (header.last_in_epoch && progress_.joined_ && !stopping()) progress_.require_ended(header.epoch);
}

}  // namespace millrace
