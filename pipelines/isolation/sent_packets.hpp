// The packets that the process of a stage has been given, seen from the run: where their bytes lie in shared memory, and
// what the stage's answers make of them.
#pragma once

#include "process/ipc/shared_file.hpp"
#include "process/ipc/wire.hpp"

#include <millrace/stage.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// Keeps a packet, and with it its share of the budgets, until the stage has let go of it. One thread at a time.
class SentPackets {
 public:
  /// `inputs`: what the stage reads; only the run writes there. `outputs`: what the stage writes, and the run never maps.
  SentPackets(SharedFile& inputs, const SharedFile& outputs) : inputs_(inputs), outputs_(outputs) {}

  /// Copies the packet's bytes into shared memory and describes it. `port`: what flows on its edge.
  void write(WireWriter& to, const Packet& packet, const PortSpec& port);
  /// An output packet, its bytes copied out of shared memory into memory of the run, or those of the packet that they came with.
  /// `port`: what was promised for its output. Throws Error("stage-garbled", run).
  OutputPacket read(WireReader& from, const PortSpec& port, WorkContext& context);
  /// The stage has let go of these.
  void release(WireReader& from);
  void release_all() { held_.clear(); }

 private:
  struct Slot {
    std::uint64_t offset = 0, bytes = 0;
    bool taken = false;
  };
  /// Bytes of a field, as they lie in a slot.
  struct Part {
    std::uint64_t offset = 0;
    Tensor tensor;
  };
  struct Held {
    Packet packet;
    std::vector<Part> parts;
  };
  std::uint32_t take_slot(std::uint64_t bytes);
  Field read_field(WireReader& from, const PortSpec& port, std::size_t index, WorkContext& context);
  Tensor read_output(WireReader& from, TensorSpec spec, std::int64_t rows, std::uint64_t bytes,
                     WorkContext& context) const;
  Tensor read_input(WireReader& from, TensorSpec spec, std::int64_t rows, std::uint64_t bytes,
                    WorkContext& context) const;
  SampleIds read_ids(WireReader& from);
  const Held& held(std::uint32_t slot) const;

  SharedFile& inputs_;
  const SharedFile& outputs_;
  std::uint64_t end_ = whole_pages(1);  ///< where the slots end; the first page is StopFlag's
  std::vector<Slot> slots_;
  std::map<std::uint32_t, Held> held_;  ///< packets by slot
  std::map<std::uint64_t, SampleIds>
      emitted_ids_;  ///< ids that the current call has emitted, by offset, so that equal ids stay one list
};

/// Where the bytes of an emitted field or its ids lie.
enum class Region : std::uint8_t { none, input, output };

}  // namespace millrace::pipelines
