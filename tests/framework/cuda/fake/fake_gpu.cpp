// Stands for millrace_cuda.so on a machine with one old and one new GPU. Opening a GPU gives the CPU under its name.
#include "device/cuda_backend.hpp"

namespace {

void look(millrace::CudaInfo& info, bool with_memory) {
  info.driver_version = 13010;
  info.runtime_version = 13000;
  const std::size_t gib = std::size_t{1} << 30;
  info.gpus.push_back({"Old GPU", 16 * gib, 16 * gib, 7, 5, 40, {}});
  info.gpus.push_back({"New GPU", 80 * gib, (with_memory ? 60 : 80) * gib, 9, 0, 132, {0}});
}

std::unique_ptr<millrace::Device> open(int) { return millrace::open_device({"cpu", 0}); }

}  // namespace

extern "C" MILLRACE_EXPORT const millrace::CudaBackend* millrace_cuda_backend() {
  static const millrace::CudaBackend object{millrace::kCudaBackendVersion, MILLRACE_VERSION, &look, &open};
  return &object;
}
