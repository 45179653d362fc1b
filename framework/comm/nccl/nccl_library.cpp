// Fills a table of function pointers with dlsym at its first use; a function that is missing is the error no-nccl.
#include "nccl_library.hpp"

#include "nccl_file.hpp"

#include <millrace/error.hpp>

#include <dlfcn.h>

namespace millrace::comm {
namespace {

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ErrorKind::device, "no-nccl", "GPUs of several processes cannot sum gradients: " + why,
              "install NCCL 2.19 or newer, or train on the CPU: --set device=cpu");
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) refuse(std::string("libnccl.so.2 has no ") + name);
}

NcclLibrary open() {
  const NcclFile file = find_nccl();
  if (!file.why_not.empty()) refuse(file.why_not);
  void* const library = file.handle;
  NcclLibrary nccl{};
  find(library, "ncclGetUniqueId", nccl.get_unique_id);
  find(library, "ncclCommInitRankConfig", nccl.init_rank);
  find(library, "ncclCommGetAsyncError", nccl.get_async_error);
  find(library, "ncclAllReduce", nccl.all_reduce);
  find(library, "ncclCommFinalize", nccl.finalize);
  find(library, "ncclCommDestroy", nccl.destroy);
  find(library, "ncclCommAbort", nccl.abort);
  find(library, "ncclGetErrorString", nccl.error_string);
  return nccl;
}

}  // namespace

const NcclLibrary& nccl_library() {
  static const NcclLibrary library = open();
  return library;
}

}  // namespace millrace::comm
