// In the place of framework/cuda/kernels/kernel_launch.hpp where kernels are plain C++ for the emulated GPU.
#pragma once

#include "cuda/runtime/checks.hpp"
#include "threads.hpp"

namespace millrace::cuda {

template <class... Parameters, class... Arguments>
void launch_kernel(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
                   const Arguments&... arguments) {
  check(emulated::launch(name, grid, block, stream, [kernel, arguments...] { kernel(arguments...); }), name);
}

}  // namespace millrace::cuda
