// From what was found of CUDA to a decision and the sentence that goes with it. Pure: it looks at nothing but its arguments.
#pragma once

#include "device/cuda_backend.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// The oldest GPUs the kernels are built for: compute capability 8.0 (A100).
inline constexpr int kOldestCapability = 80;

/// Why there is no GPU to use, in one sentence; empty when there is. `index` asks for one GPU, -1 for any.
std::string why_no_cuda(const CudaInfo& info, int index = -1);

/// Which of the processes on this machine asks.
struct LocalRank {
  int rank = 0, size = 1;
};

/// The choice for a wish, as choose_device() makes it.
DeviceChoice choose_among(const CudaInfo& info, std::string_view wish, LocalRank local = {});

/// What bits that GPU `index` computes depend on; empty where there is no such GPU.
std::string bits_of_gpu(const CudaInfo& info, int index);

/// One report for each GPU, or one that says why there is none.
std::vector<DeviceReport> report_cuda(const CudaInfo& info);

}  // namespace millrace
