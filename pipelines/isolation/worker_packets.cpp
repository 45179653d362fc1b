// Each input slot is mapped once, read-only; outputs are allocated in a shared file, from a free list by size. Only offsets and headers go
// over the socket.
#include "worker_packets.hpp"

#include "protocol.hpp"
#include "sent_packets.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::pipelines {

struct OutputArena::Blocks {
  struct Block {
    std::uint64_t offset = 0, bytes = 0;
  };
  SharedFile& file;
  mutable std::mutex mutex;
  std::uint64_t end = 0;
  std::map<const std::byte*, Block> all;
  std::multimap<std::uint64_t, std::byte*> free;  ///< free blocks by size
  std::size_t live = 0, peak = 0;

  explicit Blocks(SharedFile& f) : file(f) {}

  std::byte* take(std::uint64_t size) {
    const std::lock_guard lock(mutex);
    live += size;
    peak = std::max(peak, live);
    if (const auto found = free.find(size); found != free.end()) return free.extract(found).mapped();
    file.grow_to(end + size);
    std::byte* memory = file.map(end, size, true);
    all.emplace(memory, Block{end, size});
    end += size;
    return memory;
  }
  void give_back(std::byte* memory, std::uint64_t size) {
    const std::lock_guard lock(mutex);
    live -= size;
    free.emplace(size, memory);
  }
};

OutputArena::OutputArena(SharedFile& file) : blocks_(std::make_shared<Blocks>(file)) {}

std::shared_ptr<std::byte> OutputArena::allocate(std::size_t bytes) {
  const std::uint64_t size = whole_pages(bytes);
  return {blocks_->take(size), [blocks = blocks_, size](std::byte* memory) { blocks->give_back(memory, size); }};
}

std::size_t OutputArena::live_bytes() const {
  const std::lock_guard lock(blocks_->mutex);
  return blocks_->live;
}

std::size_t OutputArena::peak_bytes() const {
  const std::lock_guard lock(blocks_->mutex);
  return blocks_->peak;
}

std::optional<std::uint64_t> OutputArena::offset_of(const std::byte* bytes, std::size_t size) const {
  const std::lock_guard lock(blocks_->mutex);
  auto after = blocks_->all.upper_bound(bytes);
  if (after == blocks_->all.begin()) return std::nullopt;
  const auto& [memory, block] = *--after;
  const auto start = static_cast<std::uint64_t>(bytes - memory);
  if (start > block.bytes || size > block.bytes - start) return std::nullopt;
  return block.offset + start;
}

/// Slots whose packets nobody has any more; told at the end of a call.
struct WorkerPackets::Released {
  std::mutex mutex;
  std::vector<std::uint32_t> slots;
};

WorkerPackets::WorkerPackets(SharedFile& inputs, SharedFile& outputs)
    : inputs_(inputs),
      flag_(inputs.map(0, whole_pages(1), false)),
      arena_(outputs),
      released_(std::make_shared<Released>()) {}

bool WorkerPackets::is_stopping() const {
  return __atomic_load_n(reinterpret_cast<const StopFlag*>(flag_), __ATOMIC_RELAXED) != 0;
}

// A slot never moves, so it is mapped once. Read-only: a stage that writes into its input faults here and nowhere else.
const WorkerPackets::Slot& WorkerPackets::slot(std::uint64_t number, std::uint64_t offset, std::uint64_t bytes) {
  const auto [found, is_new] = slots_.try_emplace(static_cast<std::uint32_t>(number));
  if (is_new) found->second = {inputs_.map(offset, bytes, false), bytes};
  return found->second;
}

Packet WorkerPackets::read(WireReader& from, const PortSpec& port) {
  const auto number = from.get<std::uint64_t>(), offset = from.get<std::uint64_t>(), bytes = from.get<std::uint64_t>();
  std::byte* memory = slot(number, offset, bytes).memory;
  const auto slot_number = static_cast<std::uint32_t>(number);
  const std::shared_ptr<std::byte> use(memory, [released = released_, slot_number](std::byte*) {
    const std::lock_guard lock(released->mutex);
    released->slots.push_back(slot_number);
  });
  Packet packet;
  packet.lease = use;
  packet.header.seq = from.get<std::uint64_t>();
  packet.header.epoch = from.get<std::uint32_t>();
  packet.header.first_row = from.get<std::uint64_t>();
  packet.header.last_in_epoch = from.flag();
  packet.rows = from.get<std::int64_t>();
  std::vector<std::uint64_t> ids(from.get<std::uint64_t>());
  if (!ids.empty()) std::memcpy(ids.data(), memory, ids.size() * sizeof(std::uint64_t));
  packet.ids = std::make_shared<const std::vector<std::uint64_t>>(std::move(ids));
  ids_.emplace_back(packet.ids, slot_number);
  const auto fields = from.get<std::uint64_t>();
  for (std::uint64_t i = 0; i < fields; ++i) {
    const PortSpec::FieldSpec& promised = port.fields.at(i);
    TensorSpec spec = from.flag() ? promised.spec : read_tensor_spec(from);
    const auto rows = from.get<std::int64_t>();
    const std::shared_ptr<const std::byte> start(use, memory + from.get<std::uint64_t>());
    packet.fields.push_back({promised.name, Tensor(std::move(spec), rows, start, heap_.get())});
  }
  return packet;
}

std::optional<std::uint32_t> WorkerPackets::slot_of(const std::byte* bytes, std::size_t size) const {
  for (const auto& [number, slot] : slots_)
    if (bytes >= slot.memory && bytes <= slot.memory + slot.bytes &&
        size <= static_cast<std::size_t>(slot.memory + slot.bytes - bytes))
      return number;
  return std::nullopt;
}

std::uint64_t WorkerPackets::copy_out(const std::byte* bytes, std::size_t size) {
  const std::shared_ptr<std::byte> copy = arena_.allocate(size);
  if (size != 0) std::memcpy(copy.get(), bytes, size);
  copies_.push_back(copy);
  return *arena_.offset_of(copy.get(), size);
}

void WorkerPackets::write(WireWriter& to, const Packet& packet, const PortSpec& port) {
  to.put(packet.header.first_row);
  to.put(static_cast<std::uint8_t>(packet.header.last_in_epoch));
  write_ids(to, packet.ids);
  to.put(static_cast<std::uint64_t>(packet.fields.size()));
  for (std::size_t i = 0; i < packet.fields.size(); ++i) write_field(to, packet.fields[i], port, i);
}

void WorkerPackets::write_ids(WireWriter& to, const SampleIds& ids) {
  if (!ids) return to.put(Region::none);
  for (const auto& [input, slot] : ids_)
    if (input == ids) {
      to.put(Region::input);
      return to.put(slot);
    }
  auto copied = std::find_if(emitted_ids_.begin(), emitted_ids_.end(), [&](const auto& c) { return c.first == ids; });
  if (copied == emitted_ids_.end())
    copied = emitted_ids_.insert(
        copied, {ids, copy_out(reinterpret_cast<const std::byte*>(ids->data()), ids->size() * sizeof(std::uint64_t))});
  to.put(Region::output);
  to.put(copied->second);
  to.put(static_cast<std::uint64_t>(ids->size()));
}

void WorkerPackets::write_field(WireWriter& to, const Field& field, const PortSpec& port, std::size_t index) {
  to.text(field.name);
  if (!field.tensor) return to.put(Region::none);
  emitted_.push_back(field.tensor);
  const TensorSpec& spec = field.tensor.spec();
  const bool is_promised = index < port.fields.size() && spec == port.fields[index].spec;
  const std::optional<std::uint32_t> slot = slot_of(field.tensor.bytes(), field.tensor.size_bytes());
  to.put(slot ? Region::input : Region::output);
  to.put(static_cast<std::uint8_t>(is_promised));
  if (!is_promised) pipelines::write(to, spec);
  to.put(field.tensor.rows());
  if (!slot) return write_place(to, field.tensor);
  to.put(*slot);
  to.put(static_cast<std::uint64_t>(field.tensor.bytes() - slots_.at(*slot).memory));
}

void WorkerPackets::write_place(WireWriter& to, const Tensor& tensor) {
  const auto offset = arena_.offset_of(tensor.bytes(), tensor.size_bytes());
  to.put(offset ? *offset : copy_out(tensor.bytes(), tensor.size_bytes()));
}

void WorkerPackets::end_call(WireWriter& to) {
  ids_.clear();
  emitted_ids_.clear();
  emitted_.clear();
  copies_.clear();
  std::vector<std::uint32_t> slots;
  {
    const std::lock_guard lock(released_->mutex);
    slots.swap(released_->slots);
  }
  to.put(static_cast<std::uint64_t>(slots.size()));
  for (const std::uint32_t slot : slots) to.put(slot);
}

}  // namespace millrace::pipelines
