// Stands for a millrace_cuda.so that another Millrace left behind.
#include "device/cuda_object.hpp"

extern "C" MILLRACE_EXPORT const millrace::CudaObject* millrace_cuda_object() {
  static const millrace::CudaObject object{millrace::kCudaObjectVersion, "0.0.1", nullptr, nullptr};
  return &object;
}
