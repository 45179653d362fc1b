// Coalesces the fields of several packets into one staging buffer and one copy; rows of tables are then gathered on the device by the
// numbers that it brought.
#include "packet_bundle.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace millrace::stages {
namespace {

// Tensors begin at such addresses, as they do in memory of their own.
constexpr std::size_t kAlignment = 256;

std::size_t aligned(std::size_t bytes, std::size_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

std::span<const std::byte> traveling(const Tensor& tensor) {
  if (tensor.table()) return std::as_bytes(tensor.table_rows());
  return {tensor.bytes(), tensor.size_bytes()};
}

bool same(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  return a.data() == b.data() && a.size() == b.size();
}

}  // namespace

bool has_table_rows(const Packet& packet) {
  return std::any_of(packet.fields.begin(), packet.fields.end(),
                     [](const Field& field) { return field.tensor.table() != nullptr; });
}

std::size_t bytes_in_bundle(const Packet& packet) {
  std::size_t bytes = 0;
  for (const Field& field : packet.fields)
    bytes +=
        field.tensor.table() ? field.tensor.table_rows().size_bytes() : aligned(field.tensor.size_bytes(), kAlignment);
  return bytes;
}

PacketBundle::PacketBundle(Calls calls, Allocator& staging) : calls_(calls) {
  for (TransformContext* call : calls_)
    for (const Field& field : call->input().fields) add(*call, field);
  const TensorSpec whole{DType::u8, {static_cast<std::int64_t>(bytes_)}, {}, {}, {}};
  gathered_.emplace(whole, 1, staging);
  target_.emplace(calls_.front()->allocate(whole, 1));
  for (const Part& part : parts_) {
    const auto bytes = traveling(part.field->tensor);
    std::copy(bytes.begin(), bytes.end(), gathered_->bytes() + part.offset);
  }
}

void PacketBundle::add(TransformContext& call, const Field& field) {
  Part part{&call, &field, 0, {}};
  const bool is_rows = field.tensor.table() != nullptr;
  if (is_rows) part.rows.emplace(call.allocate(field.tensor.spec(), field.tensor.rows()));
  const auto earlier = is_rows ? offset_of_same(call, field.tensor.table_rows()) : std::nullopt;
  part.offset = earlier.value_or(aligned(bytes_, is_rows ? alignof(std::uint32_t) : kAlignment));
  if (!earlier) bytes_ = part.offset + traveling(field.tensor).size();
  parts_.push_back(std::move(part));
}

// Fields that were batched together show the same rows, each of its own table.
std::optional<std::size_t> PacketBundle::offset_of_same(const TransformContext& call,
                                                        std::span<const std::uint32_t> numbers) const {
  for (auto part = parts_.rbegin(); part != parts_.rend() && part->call == &call; ++part)
    if (part->rows && same(part->field->tensor.table_rows(), numbers)) return part->offset;
  return std::nullopt;
}

Event PacketBundle::enqueue(Stream& stream) {
  if (bytes_ > 0) stream.copy(target_->bytes(), gathered_->bytes(), bytes_);
  const std::vector<std::shared_ptr<const ResidentTable>> read = tables();
  for (const auto& table : read)
    if (table->on_device().ready().state()) stream.wait(table->on_device().ready());
  if (!read.empty()) stream.gather(gathers());
  return stream.record();
}

std::vector<std::shared_ptr<const ResidentTable>> PacketBundle::tables() const {
  std::vector<std::shared_ptr<const ResidentTable>> found;
  for (const Part& part : parts_)
    if (auto table = part.field->tensor.table(); table && std::find(found.begin(), found.end(), table) == found.end())
      found.push_back(std::move(table));
  return found;
}

std::vector<RowGather> PacketBundle::gathers() {
  std::vector<RowGather> gathers;
  for (Part& part : parts_) {
    const Tensor& tensor = part.field->tensor;
    if (!part.rows || tensor.rows() == 0) continue;
    const ResidentTable& table = *tensor.table();
    gathers.push_back({part.rows->bytes(), table.on_device().bytes(), table.rows(), table.row_bytes(),
                       reinterpret_cast<const std::uint32_t*>(target_->bytes() + part.offset), tensor.rows()});
  }
  return gathers;
}

/// The bundle on both sides, and the tables that rows are gathered from.
std::vector<Field> PacketBundle::kept(const Event& ready) {
  std::vector<Field> fields{{"gathered", std::move(*gathered_).freeze()},
                            {"copied", std::move(*target_).freeze(1, ready)}};
  for (const auto& table : tables()) fields.push_back({"table", table->on_device()});
  return fields;
}

void PacketBundle::send(const Event& ready) {
  const std::vector<Field> shared = kept(ready);
  const auto whole = std::make_shared<const Tensor>(shared[1].tensor);
  std::vector<std::vector<Field>> fields;
  auto part = parts_.begin();
  for (TransformContext* call : calls_) {
    fields.emplace_back();
    for (; part != parts_.end() && part->call == call; ++part) {
      const Tensor& from = part->field->tensor;
      const std::shared_ptr<const std::byte> bytes(whole, whole->bytes() + part->offset);
      fields.back().push_back({part->field->name, part->rows
                                                      ? std::move(*part->rows).freeze(from.rows(), ready)
                                                      : Tensor(from.spec(), from.rows(), bytes, nullptr, ready)});
    }
  }
  // All are kept before any is sent. What they were gathered from may go: their budgets stay taken, their bytes do not.
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    Packet emptied = calls_[i]->input();
    emptied.fields.clear();
    std::vector<Field> used = shared;
    used.insert(used.end(), fields[i].begin(), fields[i].end());
    calls_[i]->keep_until(ready, emptied, used);
  }
  for (std::size_t i = 0; i < calls_.size(); ++i) calls_[i]->emit("out", std::move(fields[i]));
}

}  // namespace millrace::stages
