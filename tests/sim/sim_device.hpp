// A device for tests: asynchronous streams on threads of their own, delays and errors on demand, and a memory that knows who uses
// it. Its time is computed, not measured: work begins when its stream, what it waits for and the host allow, and takes as long as
// the settings say.
#pragma once

#include "shadow.hpp"

#include "device/device_timeline.hpp"

#include <millrace/device.hpp>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace millrace::sim {

class SimStream;
class World;

struct Settings {
  std::uint64_t seed = 0;                                   ///< decides how often a stream lets others go first
  std::optional<std::uint64_t> failing_copy, hanging_copy;  ///< the how manieth copy of the device, from 0
  double seconds_per_copied_byte = 1e-9, seconds_per_row = 1e-6, launch_seconds = 0;
  std::size_t memory_bytes = SIZE_MAX;  ///< of the device
  /// When a copy has been enqueued, with its number, from 1: once each, but two threads may call it in another order.
  std::function<void(std::uint64_t copies)> on_copy = [](std::uint64_t) {};
  std::function<void(const World& world)> on_close = [](const World&) {};  ///< when the device has been closed
};

/// A point in the work of a stream.
class SimEvent final : public Event::State {
 public:
  SimEvent(std::shared_ptr<World> world, VectorClock clock) : world_(std::move(world)), clock_(std::move(clock)) {}
  bool done() override;
  void synchronize() override;
  /// The limit has passed when a copy hangs and no stream can go on; until then a busy machine may take any time.
  bool wait_for(std::chrono::milliseconds limit) override;

 private:
  friend class World;
  friend class SimStream;
  bool settled() const { return finished_ || error_; }
  bool observe();  ///< under the world's lock
  std::shared_ptr<World> world_;
  VectorClock clock_;
  bool finished_ = false;
  std::exception_ptr error_;
  double time_ = 0;
};

/// What a device and its streams share, and what a test holds of it: it outlives the device.
class World : public std::enable_shared_from_this<World> {
 public:
  explicit World(Settings settings = {}) : settings_(std::move(settings)) {}

  /// Streams finish the work in hand and begin no other until `resume`.
  void hold();
  void resume();
  /// The host's clock, in seconds.
  double now() const;
  void advance(double seconds);

  std::vector<Violation> violations() const;
  /// Names of the violations, each once, in the order in which they were found.
  std::vector<std::string> violation_names() const;
  std::uint64_t copies() const;
  std::uint64_t copies_from_elsewhere() const;  ///< whose host memory is not the device's staging memory
  std::uint64_t copied_bytes() const;           ///< from the host's memory, of either kind
  std::uint64_t gathered_rows() const;
  std::size_t live_bytes() const;  ///< of both kinds
  /// Live bytes at the moment the device was given up.
  std::size_t live_bytes_when_abandoned() const;
  DeviceTimes times() const { return timeline_.times(); }
  void host_reads(ByteRange range);

 private:
  friend class SimEvent;
  friend class SimStream;
  friend class SimAllocator;
  friend class SimDevice;
  void abandon();
  bool hangs() const;  ///< under the lock: a copy hangs, and all that is left waits for it

  Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Shadow shadow_;
  std::vector<SimStream*> streams_;
  DeviceTimeline timeline_;
  bool held_ = false, abandoned_ = false;
  std::exception_ptr failure_;  ///< of the device; it never recovers
  double now_ = 0;
  std::uint64_t copies_ = 0, copies_from_elsewhere_ = 0, copied_bytes_ = 0, gathered_rows_ = 0;
  std::size_t live_when_abandoned_ = 0;
};

class SimStream final : public Stream {
 public:
  explicit SimStream(std::shared_ptr<World> world);
  /// Waits for its work, unless the device was given up.
  ~SimStream() override;
  SimStream(const SimStream&) = delete;
  SimStream& operator=(const SimStream&) = delete;

  void copy(void* to, const void* from, std::size_t bytes) override;
  Event record() override;
  void wait(const Event& event) override;
  void gather(std::span<const RowGather> gathers) override;
  /// The stream itself, whose `compute` stands for launching a kernel.
  void* native_handle() const override { return const_cast<SimStream*>(this); }
  /// Enqueues a computation that reads and writes these bytes. `asked`: when the host had its input in hand.
  void compute(const std::vector<ByteRange>& reads, const std::vector<ByteRange>& writes, double asked, double seconds,
               std::function<void()> body);
  /// Blocks until all work so far is done; the host's clock moves on to that moment. Throws the device's error.
  void synchronize();
  World& world() { return *world_; }
  double seconds_per_row() const { return world_->settings_.seconds_per_row; }
  /// The host's clock moves on by what an enqueued computation costs it.
  void launch_delay() { world_->advance(world_->settings_.launch_seconds); }

 private:
  struct Op {
    enum class Kind : std::uint8_t { copy, compute, wait, record } kind = Kind::copy;
    std::function<void()> body;
    std::shared_ptr<SimEvent> event;
    double seconds = 0, asked = 0, enqueued = 0;
    bool fails = false, hangs = false;
  };
  friend class World;
  void refuse_if_abandoned() const;
  void push(Op op);
  bool can_go_on() const;  ///< under the world's lock
  void work();
  void run(Op& op, std::unique_lock<std::mutex>& lock);
  void hang(std::unique_lock<std::mutex>& lock);
  void perform(Op& op, std::unique_lock<std::mutex>& lock);
  void let_others_go_first();

  std::shared_ptr<World> world_;
  std::size_t index_ = 0;
  std::deque<Op> ops_;
  bool works_ = false, performs_ = false, hangs_ = false;  ///< on what it has taken out of ops_
  std::shared_ptr<SimEvent> waits_for_;                    ///< of another stream
  bool closing_ = false, covered_ = true;                  ///< covered_: an event stands behind the last work
  double time_ = 0, ready_ = 0;
  std::uint64_t turn_ = 0;
  std::thread thread_;
};

class SimDevice final : public Device {
 public:
  explicit SimDevice(std::shared_ptr<World> world);
  ~SimDevice() override;
  const DeviceId& id() const override { return id_; }
  std::string describe() const override { return "simulated device"; }
  bool is_host() const override { return false; }
  Allocator& memory() override { return *memory_; }
  Allocator& staging() override { return *staging_; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<SimStream>(world_); }
  void abandon() override { world_->abandon(); }
  std::optional<DeviceTimes> times() const override { return world_->times(); }
  const std::shared_ptr<World>& world() const { return world_; }
  bool owns(const void* bytes) const;  ///< whether they lie in the device's memory

 private:
  DeviceId id_{"sim", 0};
  std::shared_ptr<World> world_;
  std::unique_ptr<Allocator> memory_, staging_;
};

/// From now on `device: sim` is a device in this world, and trains with the CPU's steps on a stream of its own. `reduces`: it says that
/// its steps can sum gradients, which the CPU's can.
void register_sim(std::shared_ptr<World> world, bool reduces = true);

}  // namespace millrace::sim
