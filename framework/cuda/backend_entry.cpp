// The one symbol of this shared object, and the registration of its training steps.
#include "cuda/device/cuda_device.hpp"
#include "cuda/step/step_factory.hpp"
#include "device/cuda_backend.hpp"
#include "nn/step_factories.hpp"

extern "C" MILLRACE_EXPORT const millrace::CudaBackend* millrace_cuda_backend() {
  using namespace millrace;
  static const CudaBackend backend{kCudaBackendVersion, MILLRACE_VERSION, &cuda::look, &cuda::open};
  static const bool registered = [] {
    nn::register_step_factory("cuda", cuda::step_factory());
    return true;
  }();
  return registered ? &backend : nullptr;
}
