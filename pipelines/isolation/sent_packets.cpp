// Inputs go into slots of a shared file, the smallest free one that fits; each number of an answer is checked before bytes are read by it.
#include "sent_packets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::pipelines {
namespace {

constexpr std::uint64_t kAlignment = 64;

std::uint64_t aligned(std::uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

std::span<const std::byte> bytes_of(const Tensor& tensor) { return {tensor.bytes(), tensor.size_bytes()}; }

// What the answer says must be so large as its own description says, whatever numbers are in it.
std::uint64_t size_of_rows(const TensorSpec& spec, std::int64_t rows) {
  if (rows < 0) WireReader::garbled(fmt::format("{} rows", rows));
  try {
    return checked_multiply(static_cast<std::uint64_t>(rows), spec.stored_row_bytes());
  } catch (const Error& error) {
    WireReader::garbled("a tensor of impossible size: " + error.message());
  }
}

void require_within(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
  if (offset > size || bytes > size - offset)
    WireReader::garbled(fmt::format("{} bytes at {} of {}", bytes, offset, size));
}

}  // namespace

// The smallest that fits; packets of a port are of one size but for the last of an epoch.
std::uint32_t SentPackets::take_slot(std::uint64_t bytes) {
  auto best = slots_.end();
  for (auto slot = slots_.begin(); slot != slots_.end(); ++slot)
    if (!slot->taken && slot->bytes >= bytes && (best == slots_.end() || slot->bytes < best->bytes)) best = slot;
  if (best == slots_.end()) {
    const std::uint64_t size = whole_pages(bytes);
    inputs_.grow_to(end_ + size);
    best = slots_.insert(best, Slot{end_, size, false});
    end_ += size;
  }
  best->taken = true;
  return static_cast<std::uint32_t>(best - slots_.begin());
}

void SentPackets::write(WireWriter& to, const Packet& packet, const PortSpec& port) {
  Held held{packet, {}};
  const std::span<const std::uint64_t> ids = packet.sample_ids();
  std::uint64_t size = aligned(ids.size_bytes());
  for (const Field& field : packet.fields) {
    held.parts.push_back({size, field.tensor});
    size = aligned(size + field.tensor.size_bytes());
  }
  const std::uint32_t number = take_slot(size);
  const Slot slot = slots_[number];
  inputs_.write(slot.offset, std::as_bytes(ids));
  for (const Part& part : held.parts) inputs_.write(slot.offset + part.offset, bytes_of(part.tensor));
  for (const std::uint64_t value : {std::uint64_t{number}, slot.offset, slot.bytes, packet.header.seq}) to.put(value);
  to.put(packet.header.epoch);
  to.put(packet.header.first_row);
  to.put(static_cast<std::uint8_t>(packet.header.last_in_epoch));
  to.put(packet.rows);
  to.put(static_cast<std::uint64_t>(ids.size()));
  to.put(static_cast<std::uint64_t>(packet.fields.size()));
  for (std::size_t i = 0; i < packet.fields.size(); ++i) {
    const TensorSpec& spec = packet.fields[i].tensor.spec();
    const bool is_promised = spec == port.fields.at(i).spec;
    to.put(static_cast<std::uint8_t>(is_promised));
    if (!is_promised) pipelines::write(to, spec);
    to.put(packet.fields[i].tensor.rows());
    to.put(held.parts[i].offset);
  }
  held_.insert_or_assign(number, std::move(held));
}

void SentPackets::release(WireReader& from) {
  emitted_ids_.clear();
  for (std::uint64_t left = from.count(); left > 0; --left) {
    const auto slot = from.get<std::uint32_t>();
    if (held_.erase(slot) == 0) WireReader::garbled(fmt::format("a packet {} that it has not been given", slot));
    slots_[slot].taken = false;
  }
}

const SentPackets::Held& SentPackets::held(std::uint32_t slot) const {
  const auto found = held_.find(slot);
  if (found == held_.end()) WireReader::garbled(fmt::format("bytes of a packet {} that it does not have", slot));
  return found->second;
}

OutputPacket SentPackets::read(WireReader& from, const PortSpec& port, WorkContext& context) {
  OutputPacket output_packet;
  output_packet.first_row = from.get<std::uint64_t>();
  output_packet.last_in_epoch = from.flag();
  output_packet.ids = read_ids(from);
  const std::uint64_t fields = from.count();
  for (std::uint64_t i = 0; i < fields; ++i) output_packet.fields.push_back(read_field(from, port, i, context));
  return output_packet;
}

SampleIds SentPackets::read_ids(WireReader& from) {
  switch (from.one_of(Region::output)) {
    case Region::none:
      return nullptr;
    case Region::input:
      return held(from.get<std::uint32_t>()).packet.ids;
    case Region::output:
      break;
  }
  const auto offset = from.get<std::uint64_t>(), count = from.get<std::uint64_t>();
  require_within(offset, size_of_rows(TensorSpec{DType::f64, {}, {}, {}, {}}, static_cast<std::int64_t>(count)),
                 outputs_.size());
  SampleIds& known = emitted_ids_[offset];
  if (known && known->size() == count) return known;
  std::vector<std::uint64_t> ids(count);
  outputs_.read(offset, std::as_writable_bytes(std::span(ids)));
  return known = std::make_shared<const std::vector<std::uint64_t>>(std::move(ids));
}

Field SentPackets::read_field(WireReader& from, const PortSpec& port, std::size_t index, WorkContext& context) {
  Field field;
  field.name = from.text();
  const auto region = from.one_of(Region::output);
  if (region == Region::none) return field;  // the stage has emitted no tensor; the run says so
  const bool is_promised = from.flag();
  if (is_promised && index >= port.fields.size()) WireReader::garbled("a field too many");
  TensorSpec spec = is_promised ? port.fields[index].spec : read_tensor_spec(from);
  const auto rows = from.get<std::int64_t>();
  const std::uint64_t bytes = size_of_rows(spec, rows);
  field.tensor = region == Region::input ? read_input(from, std::move(spec), rows, bytes, context)
                                         : read_output(from, std::move(spec), rows, bytes, context);
  return field;
}

// Before memory is allocated for them the bytes are known to be there.
Tensor SentPackets::read_output(WireReader& from, TensorSpec spec, std::int64_t rows, std::uint64_t bytes,
                                WorkContext& context) const {
  const auto offset = from.get<std::uint64_t>();
  require_within(offset, bytes, outputs_.size());
  OutTensor out = context.allocate(std::move(spec), rows);
  outputs_.read(offset, {out.bytes(), bytes});
  return std::move(out).freeze();
}

// The run still has these bytes itself, as the stage could only read them: a view costs no copy on its way back.
Tensor SentPackets::read_input(WireReader& from, TensorSpec spec, std::int64_t rows, std::uint64_t bytes,
                               WorkContext& context) const {
  const Held& packet = held(from.get<std::uint32_t>());
  const auto offset = from.get<std::uint64_t>();
  for (const Part& part : packet.parts) {
    if (offset < part.offset || offset - part.offset > part.tensor.size_bytes()) continue;
    const std::uint64_t start = offset - part.offset, row = part.tensor.spec().stored_row_bytes();
    if (bytes > part.tensor.size_bytes() - start) continue;
    if (row == spec.stored_row_bytes() && row != 0 && start % row == 0)
      return part.tensor.slice(static_cast<std::int64_t>(start / row), rows).viewed_as(std::move(spec));
    OutTensor out = context.allocate(std::move(spec), rows);
    std::memcpy(out.bytes(), part.tensor.bytes() + start, bytes);
    return std::move(out).freeze();
  }
  WireReader::garbled(fmt::format("{} bytes at {} of a packet that has no such field", bytes, offset));
}

}  // namespace millrace::pipelines
