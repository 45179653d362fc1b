// The packets of a stage, seen from its own process: inputs mapped for reading, outputs written where the run will read them.
#pragma once

#include "process/ipc/shared_file.hpp"
#include "process/ipc/wire.hpp"

#include <millrace/device.hpp>
#include <millrace/stage.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace millrace::pipelines {

/// Memory for what a stage emits. Blocks are whole pages of the shared file, mapped once and used again.
class OutputArena final : public Allocator {
 public:
  explicit OutputArena(SharedFile& file);
  std::shared_ptr<std::byte> allocate(std::size_t bytes) override;
  std::size_t live_bytes() const override;
  std::size_t peak_bytes() const override;
  /// Where in the file these bytes lie, if they do.
  std::optional<std::uint64_t> offset_of(const std::byte* bytes, std::size_t size) const;

 private:
  struct Blocks;
  std::shared_ptr<Blocks> blocks_;  ///< also of every block handed out, which may outlive the arena
};

/// Reading and emitting: one thread at a time. Packets may be let go of by any thread.
class WorkerPackets {
 public:
  WorkerPackets(SharedFile& inputs, SharedFile& outputs);

  /// A packet that the run has written; `port` is what flows on its edge.
  Packet read(WireReader& from, const PortSpec& port);
  /// What the run makes a packet of again; its bytes where they lie when that is in shared memory, else copied there.
  void write(WireWriter& to, const Packet& packet, const PortSpec& port);
  /// The call is over: the run has read, or will read before its next word, what was emitted. Says what has been let go of.
  void end_call(WireWriter& to);

  Allocator& outputs() { return arena_; }
  bool is_stopping() const;

 private:
  struct Released;
  struct Slot {
    std::byte* memory = nullptr;
    std::uint64_t bytes = 0;
  };
  const Slot& slot(std::uint64_t number, std::uint64_t offset, std::uint64_t bytes);
  void write_field(WireWriter& to, const Field& field, const PortSpec& port, std::size_t index);
  void write_place(WireWriter& to, const Tensor& tensor);
  void write_ids(WireWriter& to, const SampleIds& ids);
  std::optional<std::uint32_t> slot_of(const std::byte* bytes, std::size_t size) const;
  /// Where in the outputs a copy of these bytes lies; kept until the call is over.
  std::uint64_t copy_out(const std::byte* bytes, std::size_t size);

  SharedFile& inputs_;
  const std::byte* flag_;
  OutputArena arena_;
  std::unique_ptr<Allocator> heap_ = make_host_allocator();  ///< memory that inputs are decoded to
  std::shared_ptr<Released> released_;
  std::map<std::uint32_t, Slot> slots_;
  std::vector<std::pair<SampleIds, std::uint32_t>> ids_;  ///< ids of the call's inputs, and their slots
  std::vector<std::pair<SampleIds, std::uint64_t>>
      emitted_ids_;              ///< ids that the call has emitted, and where their copies lie
  std::vector<Tensor> emitted_;  ///< tensors that the call has emitted
  std::vector<std::shared_ptr<const std::byte>> copies_;
};

}  // namespace millrace::pipelines
