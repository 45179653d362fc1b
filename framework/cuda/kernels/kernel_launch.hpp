// The one place where a kernel is launched. Only nvcc reads it; the tests have one of their own for the emulated GPU.
#pragma once

#include "cuda/runtime/checks.hpp"

namespace millrace::cuda {

/// Puts `kernel` on the stream and checks that the launch was accepted; `name` is what an error calls it.
template <class... Parameters, class... Arguments>
void launch_kernel(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
                   const Arguments&... arguments) {
  kernel<<<grid, block, 0, stream>>>(arguments...);
  check(cudaGetLastError(), name);
}

}  // namespace millrace::cuda
