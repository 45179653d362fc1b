// dlopen, then ncclGetVersion: a library older than 2.19 is refused. dladdr tells which file the loader has found.
#include "nccl_file.hpp"

#include <millrace/peers.hpp>

#include <dlfcn.h>
#include <fmt/format.h>

namespace millrace {
namespace comm {
namespace {

constexpr int kOldest = 21900;

std::string path_of(void* symbol, const std::string& file) {
  Dl_info info{};
  return dladdr(symbol, &info) != 0 ? info.dli_fname : file;
}

}  // namespace

std::string nccl_version_text(int version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

NcclFile find_nccl(const std::string& file) {
  NcclFile found;
  found.handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (found.handle == nullptr) {
    found.why_not = dlerror();
    return found;
  }
  void* symbol = dlsym(found.handle, "ncclGetVersion");
  const auto get_version = reinterpret_cast<int (*)(int*)>(symbol);
  if (get_version != nullptr) found.path = path_of(symbol, file);
  if (get_version == nullptr || get_version(&found.version) != 0)
    found.why_not = file + " does not tell its version";
  else if (found.version < kOldest)
    found.why_not = fmt::format("{} has version {}, needed is {}", found.path, nccl_version_text(found.version),
                                nccl_version_text(kOldest));
  return found;
}

}  // namespace comm

PeersSupport nccl_support() {
#ifdef MILLRACE_HAS_NCCL
  const comm::NcclFile found = comm::find_nccl();
  if (!found.why_not.empty()) return {false, found.why_not};
  return {true, fmt::format("{} ({})", comm::nccl_version_text(found.version), found.path)};
#else
  return {false, "built without it"};
#endif
}

}  // namespace millrace
