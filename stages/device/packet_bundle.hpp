// Packets on their way to the device by one copy: of rows of resident tables their numbers travel, of all else the stored bytes.
#pragma once

#include <millrace/resident_table.hpp>
#include <millrace/stage.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace millrace::stages {

using Calls = std::span<TransformContext* const>;

/// What of a packet travels, with the room that its tensors take in a bundle.
std::size_t bytes_in_bundle(const Packet& packet);
/// Whether a field of it shows rows of a table.
bool has_table_rows(const Packet& packet);

/// The packets of several calls, at least one. Made, put onto a stream, and sent on, in this order.
class PacketBundle {
 public:
  /// Gathers the packets in memory of `staging`, and takes memory on the device.
  PacketBundle(Calls calls, Allocator& staging);
  /// Enqueues the copy, and behind it the gathering of rows. The caller holds the lock of a stream that it shares.
  Event enqueue(Stream& stream);
  /// Keeps what the device still uses until `ready`, then emits every packet. The parts of the bundle share its memory.
  void send(const Event& ready);

 private:
  /// Where a field travels, and the memory in which its rows are gathered, if it shows rows of a table.
  struct Part {
    TransformContext* call;
    const Field* field;
    std::size_t offset;
    std::optional<OutTensor> rows;
  };
  void add(TransformContext& call, const Field& field);
  std::optional<std::size_t> offset_of_same(const TransformContext& call, std::span<const std::uint32_t> numbers) const;
  /// Those that rows are gathered from, each once.
  std::vector<std::shared_ptr<const ResidentTable>> tables() const;
  std::vector<RowGather> gathers();
  std::vector<Field> kept(const Event& ready);

  Calls calls_;
  std::vector<Part> parts_;
  std::size_t bytes_ = 0;
  std::optional<OutTensor> gathered_, target_;
};

}  // namespace millrace::stages
