// Between the emulated GPU and CUDA's handles and errors.
#pragma once

#include "emulated_gpu.hpp"

#include <cuda_runtime_api.h>

namespace emulated {

/// What every call does first: the GPU may be lost, or the test may have planted an error for this call.
cudaError_t begin_call(const char* call);
/// Keeps the error for cudaGetLastError.
cudaError_t fail(int code);

inline Stream& stream_of(cudaStream_t stream) { return *reinterpret_cast<Stream*>(stream); }
inline Event& event_of(cudaEvent_t event) { return *reinterpret_cast<Event*>(event); }

}  // namespace emulated
