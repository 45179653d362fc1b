// Devices: memory, streams and events. The mathematics of a device is behind TrainStep (model.hpp).
#pragma once

#include <millrace/detail/export.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Memory of one kind, with an account of it. Safe to call from several threads at once.
class MILLRACE_EXPORT Allocator {
 public:
  virtual ~Allocator();
  /// `bytes` uninitialized bytes, aligned to 64. The last copy of the pointer gives them back. The allocator outlives them.
  /// Throws Error("out-of-memory", run) with the size.
  virtual std::shared_ptr<std::byte> allocate(std::size_t bytes) = 0;
  /// Bytes handed out and not given back.
  virtual std::size_t live_bytes() const = 0;
  /// The most that was ever live at once.
  virtual std::size_t peak_bytes() const = 0;
};

/// Host memory that keeps what was given back for the next request of the same size, so that blocks and batches do not
/// fault their pages in anew each time.
MILLRACE_EXPORT std::unique_ptr<Allocator> make_host_allocator();

struct DeviceId {
  std::string kind = "cpu";  ///< "cpu", "cuda", "sim"
  int index = 0;
  bool operator==(const DeviceId&) const = default;
};
MILLRACE_EXPORT std::string to_string(const DeviceId&);

/// A point in a stream's work. Copies refer to the same point.
class MILLRACE_EXPORT Event {
 public:
  struct State;
  Event() = default;  ///< already done
  explicit Event(std::shared_ptr<State> state) : state_(std::move(state)) {}
  /// True once the work before the event has finished. Does not block. Throws the device's error if it failed.
  bool done() const;
  /// Blocks until done. Never call it on a graph thread; the waiter does.
  void synchronize() const;
  /// Blocks until done or until `limit` has passed; whether it is done. Throws as done() does. For the waiter.
  bool wait_for(std::chrono::milliseconds limit) const;
  /// What the device that recorded it made of it; null when already done. For streams that wait for an event.
  const std::shared_ptr<State>& state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

struct MILLRACE_EXPORT Event::State {
  virtual ~State();
  virtual bool done() = 0;
  virtual void synchronize() = 0;
  /// As Event::wait_for. Unless a device knows better, asks done() again and again with pauses that grow with the wait.
  virtual bool wait_for(std::chrono::milliseconds limit);
};

/// Some rows of a table, one behind the other. All pointers are into memory that the device computes on.
struct RowGather {
  std::byte* to = nullptr;  ///< `count` rows
  const std::byte* table = nullptr;
  std::int64_t table_rows = 0;
  std::size_t row_bytes = 0;
  const std::uint32_t* rows = nullptr;  ///< row i of `to` becomes row rows[i] of the table; each is below `table_rows`
  std::int64_t count = 0;
};
/// At once, where all of it lies in the host's memory.
MILLRACE_EXPORT void gather_on_host(const RowGather& gather);

/// Work done in order. The owner; pass it by reference. One thread at a time: a Transform locks it.
class MILLRACE_EXPORT Stream {
 public:
  virtual ~Stream();
  /// Enqueues a copy of `bytes` bytes; does not synchronize. `from` and `to` must live until an event recorded after it
  /// is done. On the CPU the copy happens at once.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// An event behind everything enqueued so far.
  virtual Event record() = 0;
  /// Later work of this stream starts after `event`.
  virtual void wait(const Event& event) = 0;

  /// Enqueues all of them; does not synchronize. What they read and write must live until an event recorded after them is done.
  /// On the CPU they happen at once. Throws Error("cannot-gather", device) on a device that has no such operation.
  virtual void gather(std::span<const RowGather> gathers);

  /// The stream as the device's own library knows it, for kernels of a stage: a cudaStream_t on `cuda`. Null where there is no
  /// such library, as on the CPU.
  /// What is enqueued through the handle takes its place among the calls above: behind what the stream was told to wait for, before
  /// an event that is recorded later. So all that those calls ask for holds for it too; the code that enqueues hands the event behind
  /// it to WorkContext::keep_until. The stream owns the handle: nobody else destroys it, changes it or synchronizes with it.
  /// CUDA keeps a current GPU a thread: make the GPU Device::id().index current (cudaSetDevice) before each use.
  virtual void* native_handle() const { return nullptr; }
};

/// What a device's time went into, in seconds of the device's own clock, from its first copy or computation to its last.
/// busy + idle() = seconds; copy_hidden <= copy. framework/device/device_timeline.hpp says how an idle second finds its cause.
struct DeviceTimes {
  double seconds = 0;
  double busy = 0;         ///< seconds in which at least one stream computes
  double copy = 0;         ///< sum over copies to and from the device, and over gathering rows for them
  double copy_hidden = 0;  ///< the part of it during which the device computed
  double idle_input = 0;   ///< no batch was there, or its copy was under way
  double idle_launch = 0;  ///< the batch was there, the work was not enqueued or had not begun
  double idle_sync = 0;    ///< the host waited for the device
  /// The device waited for its peers; empty where such waits lie inside computations and count as busy.
  std::optional<double> idle_communication;
  double idle() const { return idle_input + idle_launch + idle_sync + idle_communication.value_or(0); }
};

/// One device as one run sees it: two runs of a process open it twice and share nothing.
class MILLRACE_EXPORT Device {
 public:
  virtual ~Device();
  virtual const DeviceId& id() const = 0;
  /// One line for a person: "AMD EPYC, 2 cores, AVX-512".
  virtual std::string describe() const = 0;
  /// Whether its memory is the host's, so that nothing needs a transfer.
  virtual bool is_host() const = 0;
  /// Memory the device computes on.
  virtual Allocator& memory() = 0;
  /// Host memory that can be copied to the device asynchronously (pinned); on the CPU the same as memory().
  virtual Allocator& staging() = 0;
  virtual std::unique_ptr<Stream> make_stream() = 0;
  /// The device does not answer any more. From now on every event and every call that waits throws, also those that wait
  /// already, and no memory that a copy may still touch goes back to the system. Any thread; does not wait for the device.
  virtual void abandon() {}
  /// Where its time has gone so far; nothing for a device that keeps no account, as the CPU.
  virtual std::optional<DeviceTimes> times() const { return std::nullopt; }
};

/// Opens the device `id`. Throws Error("device-unavailable", device) that says what is missing.
MILLRACE_EXPORT std::unique_ptr<Device> open_device(const DeviceId& id);

/// What `device: auto` comes down to, and why: {cpu, "no CUDA device: no NVIDIA driver is installed (...)"}.
struct DeviceChoice {
  DeviceId id;
  std::string reason;
};
/// `wish` is "auto", "cpu", "cuda" or "cuda:N". Throws Error("device-unavailable", device) for a wish that cannot be met.
MILLRACE_EXPORT DeviceChoice choose_device(std::string_view wish);
/// The same for one of `local_size` processes on this machine: "auto" and "cuda" give each a GPU of its own.
MILLRACE_EXPORT DeviceChoice choose_device(std::string_view wish, int local_rank, int local_size);

/// A device of this machine, or the reason why there is none of its kind.
struct DeviceReport {
  std::string kind;
  bool available = false;
  std::string name;    ///< name of the processor or the GPU
  std::string detail;  ///< cores and vector extensions; or why it is not available
  int cores = 0;       ///< cores of a CPU that this process may use
  std::size_t memory_bytes = 0;
  std::vector<std::string> extensions;
  int index = 0;  ///< number of a GPU
  std::size_t memory_free_bytes = 0, memory_used_bytes = 0;
  std::string capability, driver, runtime;  ///< "9.0", "13.0", "13.0"; empty for a CPU
  std::vector<int> peers;                   ///< indices of the GPUs that it can read and write directly
  std::string cores_from;                   ///< what sets `cores` of a CPU, "cpu.max of /sys/fs/cgroup/work"
  std::size_t memory_limit_bytes = 0;       ///< the memory of a CPU that this process can have
  std::string memory_limit_from;            ///< what sets that, "memory.max of /sys/fs/cgroup/work", "ulimit -v"
};
/// Every GPU and the CPU, the CPU first.
MILLRACE_EXPORT std::vector<DeviceReport> list_devices();
/// The processor alone, without looking at anything else.
MILLRACE_EXPORT DeviceReport report_cpu();

/// The shared object with the CUDA device that belongs to this library; empty when it was built without. Opens nothing.
MILLRACE_EXPORT std::string cuda_backend_path();

}  // namespace millrace
