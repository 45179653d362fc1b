// First fit over the slabs, and a new slab where none has room. Each piece's deleter holds all slabs, which are freed together at the end.
#include "cuda/device/cuda_allocator.hpp"

#include "cuda/device/slab_map.hpp"
#include "cuda/runtime/handles.hpp"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

namespace millrace::cuda {
namespace {

/// One piece of memory from CUDA.
class Slab {
 public:
  Slab(int device_index, MemoryKind kind, std::size_t bytes, SharedLiveness liveness)
      : device_(device_index), kind_(kind), liveness_(std::move(liveness)), bytes_(bytes), map_(bytes) {
    use_device(device_);
    void* memory = nullptr;
    if (kind == MemoryKind::device)
      MILLRACE_CUDA(cudaMalloc, &memory, bytes);
    else
      MILLRACE_CUDA(cudaHostAlloc, &memory, bytes, cudaHostAllocDefault);
    memory_ = static_cast<std::byte*>(memory);
  }
  // On a thread that never said which GPU it means, the runtime would begin with one of its own on GPU 0.
  ~Slab() {
    if (!liveness_->is_abandoned() && try_device(device_))
      ignore(kind_ == MemoryKind::device ? cudaFree(memory_) : cudaFreeHost(memory_));
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  std::byte* take(std::size_t bytes) {
    const auto offset = map_.take(bytes);
    return offset ? memory_ + *offset : nullptr;
  }
  bool holds(const std::byte* memory) const { return memory >= memory_ && memory < memory_ + bytes_; }
  void give_back(std::byte* piece, std::size_t bytes) {
    map_.give_back(static_cast<std::size_t>(piece - memory_), bytes);
  }

 private:
  int device_;
  MemoryKind kind_;
  SharedLiveness liveness_;
  std::size_t bytes_;
  SlabMap map_;
  std::byte* memory_ = nullptr;
};

/// Shared by the allocator and by all memory it handed out.
class Slabs {
 public:
  Slabs(int device_index, MemoryKind kind, std::size_t slab_bytes, SharedLiveness liveness)
      : device_(device_index), kind_(kind), slab_bytes_(slab_bytes), liveness_(std::move(liveness)) {}

  std::pair<Slab*, std::byte*> take(std::size_t bytes) {
    liveness_->require();
    const std::lock_guard lock(mutex_);
    live_ += SlabMap::rounded(bytes);
    peak_ = std::max(peak_, live_);
    for (const auto& slab : slabs_)
      if (std::byte* piece = slab->take(bytes)) return {slab.get(), piece};
    try {
      slabs_.push_back(
          std::make_unique<Slab>(device_, kind_, std::max(slab_bytes_, SlabMap::rounded(bytes)), liveness_));
    } catch (...) {
      live_ -= SlabMap::rounded(bytes);
      throw;
    }
    return {slabs_.back().get(), slabs_.back()->take(bytes)};
  }

  void give_back(Slab* slab, std::byte* piece, std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    live_ -= SlabMap::rounded(bytes);
    slab->give_back(piece, bytes);
  }

  bool holds(const std::byte* memory) const {
    const std::lock_guard lock(mutex_);
    return std::any_of(slabs_.begin(), slabs_.end(), [&](const auto& slab) { return slab->holds(memory); });
  }
  std::size_t live() const {
    const std::lock_guard lock(mutex_);
    return live_;
  }
  std::size_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  mutable std::mutex mutex_;
  int device_;
  MemoryKind kind_;
  std::size_t slab_bytes_, live_ = 0, peak_ = 0;
  SharedLiveness liveness_;
  std::vector<std::unique_ptr<Slab>> slabs_;
};

class SlabAllocator final : public CudaAllocator {
 public:
  explicit SlabAllocator(std::shared_ptr<Slabs> slabs) : slabs_(std::move(slabs)) {}
  std::shared_ptr<std::byte> allocate(std::size_t bytes) override {
    const auto [slab, piece] = slabs_->take(bytes);
    return {piece, [slabs = slabs_, from = slab, bytes](std::byte* p) { slabs->give_back(from, p, bytes); }};
  }
  bool holds(const std::byte* memory) const override { return slabs_->holds(memory); }
  std::size_t live_bytes() const override { return slabs_->live(); }
  std::size_t peak_bytes() const override { return slabs_->peak(); }

 private:
  std::shared_ptr<Slabs> slabs_;
};

}  // namespace

std::unique_ptr<CudaAllocator> make_cuda_allocator(int device_index, MemoryKind kind, std::size_t slab_bytes,
                                                   SharedLiveness liveness) {
  return std::make_unique<SlabAllocator>(std::make_shared<Slabs>(device_index, kind, slab_bytes, std::move(liveness)));
}

}  // namespace millrace::cuda
