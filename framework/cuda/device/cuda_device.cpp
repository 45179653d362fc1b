// A CUDA device and its streams, whose copies and gathers up to an event are timed as one piece of work; and what cudaGetDeviceProperties
// tells of each GPU.
#include "cuda/device/cuda_device.hpp"

#include "cuda/device/cuda_allocator.hpp"
#include "cuda/device/cuda_event.hpp"
#include "cuda/device/shared_workspace.hpp"
#include "cuda/kernels/launch.hpp"

#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

namespace millrace::cuda {
namespace {

// Enough for the training and the evaluation step of a small model with their workspaces, so that most runs have one slab.
constexpr std::size_t kDeviceSlabBytes = std::size_t{128} << 20;
constexpr std::size_t kPinnedSlabBytes = std::size_t{16} << 20;

class CudaStream final : public Stream {
 public:
  CudaStream(int device_index, SharedLiveness liveness, SharedGpuClock clock)
      : device_(device_index), liveness_(std::move(liveness)) {
    use_device(device_);
    stream_ = make_stream_handle();
    clock_.emplace(std::move(clock), stream_.get());
  }
  void copy(void* to, const void* from, std::size_t bytes) override {
    begin_copying();
    MILLRACE_CUDA(cudaMemcpyAsync, to, from, bytes, cudaMemcpyDefault, stream_.get());
  }
  void gather(std::span<const RowGather> gathers) override {
    begin_copying();
    for (const GatherRows& op : gather_launches(gathers)) launch(op, stream_.get());
  }
  // The copies up to here are one piece of work for the account: those of one packet.
  Event record() override {
    use_device(device_);
    SharedMoment copied;
    if (std::exchange(is_copying_, false)) copied = clock_->end();
    return record_event(device_, stream_.get(), liveness_, std::move(copied));
  }
  void wait(const Event& event) override {
    use_device(device_);
    wait_for_event(stream_.get(), event);
  }
  void* native_handle() const override { return stream_.get(); }

 private:
  void begin_copying() {
    use_device(device_);
    liveness_->require();
    if (!std::exchange(is_copying_, true)) clock_->begin(WorkKind::copy);
  }
  int device_;
  SharedLiveness liveness_;
  StreamOwner stream_;
  std::optional<StreamClock> clock_;
  bool is_copying_ = false;
};

class CudaDevice final : public Device {
 public:
  CudaDevice(int index, std::string description)
      : id_{"cuda", index},
        description_(std::move(description)),
        clock_(GpuClock::start()),
        memory_(make_cuda_allocator(index, MemoryKind::device, kDeviceSlabBytes, liveness_)),
        staging_(make_cuda_allocator(index, MemoryKind::pinned, kPinnedSlabBytes, liveness_)) {}

  const DeviceId& id() const override { return id_; }
  std::string describe() const override { return description_; }
  bool is_host() const override { return false; }
  Allocator& memory() override { return *memory_; }
  Allocator& staging() override { return *staging_; }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<CudaStream>(id_.index, liveness_, clock_); }
  void abandon() override { liveness_->abandon(); }
  // A GPU that was lost tells no times; the error has been met before, or the next call meets it.
  std::optional<DeviceTimes> times() const override {
    const bool is_current = !liveness_->is_abandoned() && try_device(id_.index);
    return is_current ? clock_->account().times() : clock_->account().known_times();
  }
  const SharedLiveness& liveness() const { return liveness_; }
  const SharedGpuClock& clock() const { return clock_; }
  const CudaAllocator& gpu_memory() const { return *memory_; }
  std::shared_ptr<SharedWorkspace> workspace(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto workspace = workspace_.lock();
    if (!workspace)
      workspace_ = workspace = std::make_shared<SharedWorkspace>(id_.index, liveness_, memory_->allocate(bytes));
    return workspace;
  }

 private:
  DeviceId id_;
  std::string description_;
  SharedLiveness liveness_ = std::make_shared<Liveness>();
  SharedGpuClock clock_;
  std::unique_ptr<CudaAllocator> memory_, staging_;
  std::mutex mutex_;
  std::weak_ptr<SharedWorkspace> workspace_;
};

CudaDeviceInfo info_of(int index, int count, bool with_memory) {
  cudaDeviceProp properties;
  MILLRACE_CUDA(cudaGetDeviceProperties, &properties, index);
  CudaDeviceInfo gpu;
  gpu.name = properties.name;
  gpu.memory_bytes = gpu.free_bytes = properties.totalGlobalMem;
  gpu.major = properties.major;
  gpu.minor = properties.minor;
  gpu.processors = properties.multiProcessorCount;
  for (int peer = 0; peer < count; ++peer) {
    int reachable = 0;
    if (peer != index) MILLRACE_CUDA(cudaDeviceCanAccessPeer, &reachable, index, peer);
    if (reachable != 0) gpu.peers.push_back(peer);
  }
  if (!with_memory) return gpu;
  use_device(index);
  MILLRACE_CUDA(cudaMemGetInfo, &gpu.free_bytes, &gpu.memory_bytes);
  return gpu;
}

}  // namespace

void look(CudaInfo& info, bool with_memory) noexcept {
  try {
    MILLRACE_CUDA(cudaDriverGetVersion, &info.driver_version);
    MILLRACE_CUDA(cudaRuntimeGetVersion, &info.runtime_version);
    int count = 0;  // the call leaves it alone when it fails
    MILLRACE_CUDA(cudaGetDeviceCount, &count);
    for (int i = 0; i < count; ++i) info.gpus.push_back(info_of(i, count, with_memory));
  } catch (const Error& error) {
    info.gpus.clear();
    info.no_runtime = error.message();
  } catch (const std::exception& error) {
    info.gpus.clear();
    info.no_runtime = error.what();
  }
}

std::unique_ptr<Device> open(int index) {
  CudaInfo info;
  look(info, false);
  if (!info.no_runtime.empty() || static_cast<std::size_t>(index) >= info.gpus.size())
    throw Error(ErrorKind::device, "device-unavailable",
                fmt::format("cannot open device `cuda:{}`: {}", index,
                            info.no_runtime.empty() ? "there is no such GPU" : info.no_runtime));
  const CudaDeviceInfo& gpu = info.gpus[static_cast<std::size_t>(index)];
  use_device(index);
  return std::make_unique<CudaDevice>(index, fmt::format("{}, {} multiprocessors, compute capability {}.{}", gpu.name,
                                                         gpu.processors, gpu.major, gpu.minor));
}

SharedLiveness liveness_of(Device& device) { return dynamic_cast<CudaDevice&>(device).liveness(); }
SharedGpuClock clock_of(Device& device) { return dynamic_cast<CudaDevice&>(device).clock(); }
const CudaAllocator& gpu_memory_of(Device& device) { return dynamic_cast<CudaDevice&>(device).gpu_memory(); }

std::shared_ptr<SharedWorkspace> workspace_of(Device& device, std::size_t bytes) {
  return dynamic_cast<CudaDevice&>(device).workspace(bytes);
}

}  // namespace millrace::cuda
