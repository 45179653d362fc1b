// Stands for a millrace_cuda.so that another Millrace left behind.
#include "device/cuda_backend.hpp"

extern "C" MILLRACE_EXPORT const millrace::CudaBackend* millrace_cuda_backend() {
  static const millrace::CudaBackend object{millrace::kCudaBackendVersion, "0.0.1", nullptr, nullptr};
  return &object;
}
