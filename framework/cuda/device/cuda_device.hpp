// A GPU as a Device, and what the training steps need of it beyond that interface.
#pragma once

#include "cuda/device/cuda_allocator.hpp"
#include "cuda/device/gpu_clock.hpp"
#include "cuda/device/shared_workspace.hpp"
#include "cuda/runtime/liveness.hpp"
#include "device/cuda_backend.hpp"

#include <millrace/device.hpp>

#include <memory>

namespace millrace::cuda {

/// Runtime, versions and GPUs. Does not throw.
void look(CudaInfo& info, bool with_memory) noexcept;

/// Opens GPU `index`. Throws Error("device-unavailable", device).
std::unique_ptr<Device> open(int index);

/// Of a GPU that open() gave. Throws std::bad_cast for another device.
SharedLiveness liveness_of(Device& device);
SharedGpuClock clock_of(Device& device);
const CudaAllocator& gpu_memory_of(Device& device);

/// The room in which products of evaluation steps on this GPU are found; made when first asked for, gone with the last step.
std::shared_ptr<SharedWorkspace> workspace_of(Device& device, std::size_t bytes);

}  // namespace millrace::cuda
