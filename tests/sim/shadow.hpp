// What the simulated device knows about its memory: who wrote and read which bytes, and in which order. It names what could go
// wrong on a real device, whether or not it went wrong this time.
//
// Order is kept in vector clocks, one entry a stream. Work of a stream follows earlier work of it, what it was made to wait for,
// and what the host had seen done when the work was enqueued. Two accesses that neither follows the other are a violation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace millrace::sim {

enum class MemoryKind : std::uint8_t { device, staging };
enum class Actor : std::uint8_t { copy, compute };

/// `name` is one of: slot-refilled, read-before-event, missing-wait, source-freed, freed-while-computing, target-freed,
/// reused-before-done, overwritten-before-event, unrecorded-event, copy-without-event, use-after-free, written-after-free,
/// read-of-poison.
struct Violation {
  std::string name, what;
};

using VectorClock = std::vector<std::uint64_t>;
void join(VectorClock& clock, const VectorClock& other);

struct ByteRange {
  const void* begin = nullptr;
  std::size_t bytes = 0;
};

/// Not thread-safe: the device guards it with its lock.
class Shadow {
 public:
  static constexpr unsigned char kPoison = 0xDB;

  ~Shadow();
  /// Poisoned memory of the device, or for the host to write.
  std::byte* allocate(std::size_t bytes, MemoryKind kind);
  /// Poisons it, and keeps it back so that a late access meets the poison. What work still uses is only kept back.
  void release(std::byte* begin);
  std::size_t live_bytes(MemoryKind kind) const { return live_[static_cast<int>(kind)]; }
  std::size_t peak_bytes(MemoryKind kind) const { return peak_[static_cast<int>(kind)]; }

  std::size_t add_stream();
  /// Enqueued work of a stream: all that it reads and writes.
  void work(std::size_t stream, Actor actor, const std::vector<ByteRange>& reads, const std::vector<ByteRange>& writes);
  const VectorClock& clock_of(std::size_t stream) const { return streams_[stream]; }
  void stream_waits(std::size_t stream, const VectorClock& event) { join(streams_[stream], event); }
  void host_sees(const VectorClock& event) { join(host_, event); }
  /// The device was given up: nothing touches its memory any more.
  void all_work_ended();
  void host_reads(ByteRange range);

  /// Whether the bytes lie in memory of this kind that is handed out.
  bool is_live(const void* begin, MemoryKind kind) const;
  void report(std::string name, std::string what) { violations_.push_back({std::move(name), std::move(what)}); }
  const std::vector<Violation>& violations() const { return violations_; }
  /// Looks whether anything was written to memory that had been given back.
  void check_quarantine();

 private:
  struct Access {
    std::size_t begin, end;  ///< within the block
    bool writes;
    Actor actor;
    std::size_t stream;
    std::uint64_t at;
  };
  struct Block {
    std::size_t bytes = 0;
    MemoryKind kind = MemoryKind::device;
    bool is_live = true;
    std::size_t written = 0;  ///< the first bytes that work has written; in the device's memory the rest is poison
    std::vector<Access> accesses;
  };
  using Blocks = std::map<std::uintptr_t, Block>;
  static bool follows(const VectorClock& clock, const Access& access);
  Blocks::iterator find(const void* begin);
  void read(const VectorClock& clock, const Access& access, Block& block, bool by_host);
  void write(const VectorClock& clock, const Access& access, Block& block);
  void touch(std::size_t stream, Actor actor, ByteRange range, bool writes);
  void evict(std::size_t limit);

  Blocks blocks_;
  std::deque<std::uintptr_t> quarantine_;
  std::size_t quarantined_ = 0;
  std::size_t live_[2] = {0, 0}, peak_[2] = {0, 0};
  std::vector<VectorClock> streams_;
  VectorClock host_;
  std::vector<Violation> violations_;
};

}  // namespace millrace::sim
