// Memory of a GPU, or pinned memory of the host: few large slabs from CUDA, cut up by a SlabMap, because cudaMalloc, cudaFree
// and their pinned counterparts wait for the whole device.
#pragma once

#include "cuda/runtime/liveness.hpp"

#include <millrace/device.hpp>

#include <memory>

namespace millrace::cuda {

enum class MemoryKind { device, pinned };

class CudaAllocator : public Allocator {
 public:
  /// Whether `memory` is of this allocator. Any thread.
  virtual bool holds(const std::byte* memory) const = 0;
};

/// Slabs are of `slab_bytes` or, for a larger request, of its size; they go back to CUDA with the allocator and with the last
/// piece of memory, whichever is last. Memory that comes back is handed out again at once: the code that gives it back has seen the
/// end of the work that used it. Of an abandoned device nothing goes back to CUDA.
std::unique_ptr<CudaAllocator> make_cuda_allocator(int device_index, MemoryKind kind, std::size_t slab_bytes,
                                                   SharedLiveness liveness);

}  // namespace millrace::cuda
