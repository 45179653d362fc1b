// The CUDA device as the rest sees it: a shared object of its own that is opened when wanted, and what was found on the way.
#pragma once

#include <millrace/device.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace millrace {

/// One GPU, as the runtime tells it.
struct CudaDeviceInfo {
  std::string name;
  std::size_t memory_bytes = 0, free_bytes = 0;
  int major = 0, minor = 0;  ///< compute capability
  int processors = 0;
  std::vector<int> peers;
};

/// What there is, or the first thing that is missing. At most one of the three texts is set.
struct CudaInfo {
  std::string no_driver;                        ///< why libcuda.so.1 cannot be opened
  std::string no_object;                        ///< why the shared object cannot be used
  std::string no_runtime;                       ///< what the CUDA runtime refused, with its name for it
  int driver_version = 0, runtime_version = 0;  ///< as CUDA counts: 13000 is 13.0
  std::vector<CudaDeviceInfo> gpus;
};

/// What the shared object gives through its one symbol, `millrace_cuda_backend`. Types and errors of C++ cross the border, so
/// `build` must be this library's own version.
struct CudaBackend {
  std::uint32_t table_version;
  const char* build;
  /// Fills runtime, versions and GPUs; the free memory only if wanted, since it takes a context on every GPU, which
  /// costs tenths of a second. Does not throw.
  void (*look)(CudaInfo&, bool with_memory);
  /// Throws Error("device-unavailable", device).
  std::unique_ptr<Device> (*open)(int index);
};
inline constexpr std::uint32_t kCudaBackendVersion = 1;
inline constexpr const char* kCudaBackendSymbol = "millrace_cuda_backend";

/// Where to look; tests look elsewhere.
struct CudaPlaces {
  std::string driver = "libcuda.so.1";
  std::string object = cuda_backend_path();
};

/// Opens the driver, then the object, and asks it. The object stays open for the life of the process.
CudaInfo look_for_cuda(bool with_memory, const CudaPlaces& places = {});
/// Opens GPU `index`. Throws Error("device-unavailable", device).
std::unique_ptr<Device> open_cuda_device(int index, const CudaPlaces& places = {});

}  // namespace millrace
