#include "nccl_library.hpp"

#include <millrace/error.hpp>

#include <dlfcn.h>

namespace millrace::comm {
namespace {

constexpr int kOldest = 21900;  // the first that can be captured in a graph and be initialised without blocking

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::device, "no-nccl", "GPUs of several processes cannot sum gradients: " + why,
              "install NCCL 2.19 or newer, or train on the CPU: --set device=cpu");
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) refuse(std::string("libnccl.so.2 has no ") + name);
}

// Never closed: it keeps threads of its own.
NcclLibrary open() {
  void* library = dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) refuse(dlerror());
  NcclLibrary nccl{};
  find(library, "ncclGetVersion", nccl.get_version);
  find(library, "ncclGetUniqueId", nccl.get_unique_id);
  find(library, "ncclCommInitRankConfig", nccl.init_rank);
  find(library, "ncclCommGetAsyncError", nccl.get_async_error);
  find(library, "ncclAllReduce", nccl.all_reduce);
  find(library, "ncclCommFinalize", nccl.finalize);
  find(library, "ncclCommDestroy", nccl.destroy);
  find(library, "ncclCommAbort", nccl.abort);
  find(library, "ncclGetErrorString", nccl.error_string);
  int version = 0;
  if (nccl.get_version(&version) != ncclSuccess || version < kOldest)
    refuse("libnccl.so.2 has version " + std::to_string(version) + ", needed is " + std::to_string(kOldest));
  return nccl;
}

}  // namespace

const NcclLibrary& nccl_library() {
  static const NcclLibrary library = open();
  return library;
}

}  // namespace millrace::comm
