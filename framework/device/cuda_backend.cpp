// Opens the driver and the CUDA object. The driver comes first: a machine without one is told so in a fraction of a
// millisecond, while the object pulls in cuBLASLt, whose half a gigabyte takes tens of milliseconds to map.
#include "device/cuda_backend.hpp"

#include <millrace/detail/build_info.hpp>
#include <millrace/error.hpp>

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>

namespace millrace {
namespace {

namespace fs = std::filesystem;

struct Opened {
  const CudaBackend* backend = nullptr;
  std::string no_driver, no_object;
};

std::string last_dl_error() {
  const char* text = dlerror();
  return text == nullptr ? "unknown error" : text;
}

/// Why `backend` cannot be used, or nothing.
std::string mismatch(const CudaBackend& backend, const std::string& path) {
  if (backend.table_version != kCudaBackendVersion)
    return fmt::format("`{}` has interface {}, this library has {}", path, backend.table_version, kCudaBackendVersion);
  if (backend.build != build_info().version)
    return fmt::format("`{}` belongs to Millrace {}, this library is {}", path, backend.build, build_info().version);
  return {};
}

Opened open_object(const CudaPlaces& places) {
  Opened opened;
  // Neither is ever closed: the driver and the code of devices must outlive every run. Opening again counts references.
  if (dlopen(places.driver.c_str(), RTLD_NOW | RTLD_LOCAL) == nullptr) {
    opened.no_driver = last_dl_error();
    return opened;
  }
  if (places.object.empty()) {
    opened.no_object = "this build has no CUDA part";
    return opened;
  }
  void* handle = dlopen(places.object.c_str(), RTLD_NOW | RTLD_LOCAL);
  using Entry = const CudaBackend* (*)();
  const auto entry = handle == nullptr ? nullptr : reinterpret_cast<Entry>(dlsym(handle, kCudaBackendSymbol));
  if (entry == nullptr)
    opened.no_object = last_dl_error();
  else if (opened.no_object = mismatch(*entry(), places.object); opened.no_object.empty())
    opened.backend = entry();
  return opened;
}

}  // namespace

std::string cuda_backend_path() {
  Dl_info self;
  if (dladdr(reinterpret_cast<const void*>(&cuda_backend_path), &self) == 0) return {};
  const fs::path folder = fs::path(self.dli_fname).parent_path();
  for (const char* place : {"millrace_cuda.so", "millrace/millrace_cuda.so"})
    if (std::error_code failed; fs::exists(folder / place, failed)) return fs::canonical(folder / place).string();
  return {};
}

CudaInfo look_for_cuda(bool with_memory, const CudaPlaces& places) {
  const Opened opened = open_object(places);
  CudaInfo info;
  info.no_driver = opened.no_driver;
  info.no_object = opened.no_object;
  if (opened.backend != nullptr) opened.backend->look(info, with_memory);
  return info;
}

std::unique_ptr<Device> open_cuda_device(int index, const CudaPlaces& places) {
  const Opened opened = open_object(places);
  if (opened.backend != nullptr) return opened.backend->open(index);
  throw Error(ErrorKind::device, "device-unavailable",
              fmt::format("cannot open device `cuda:{}`: {}{}", index, opened.no_driver, opened.no_object));
}

}  // namespace millrace
