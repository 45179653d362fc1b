// Opens the shared object that holds MPI, and only when a launcher has started several processes: the program must start
// where there is no MPI.
#include "peers_library.hpp"

#include <millrace/error.hpp>
#include <millrace/peers.hpp>

#include <dlfcn.h>

#include <filesystem>

namespace millrace {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFile = "millrace_mpi.so";
constexpr const char* kHelp =
    "install Open MPI (Debian: libopenmpi-dev, openmpi-bin) and build again, or start one process";

/// Beside this library, or in its folder `millrace` when installed; empty when it was not built.
std::string path_of_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&open_peers), &info) == 0) return {};
  const fs::path folder = fs::path(info.dli_fname).parent_path();
  for (const fs::path& path : {folder / kFile, folder / "millrace" / kFile})
    if (fs::exists(path)) return path.string();
  return {};
}

struct Library {
  const comm::PeersLibrary* entry = nullptr;
  std::string reason;
};

// Global: Open MPI's own components look for its symbols in the process. Never closed: MPI cannot start twice.
Library open_library() {
  const std::string path = path_of_library();
  if (path.empty()) return {nullptr, "built without MPI"};
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) return {nullptr, dlerror()};
  using Entry = const comm::PeersLibrary* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, comm::kPeersEntry));
  if (entry == nullptr) return {nullptr, path + " has no " + comm::kPeersEntry};
  return {entry(), {}};
}

}  // namespace

Peers::~Peers() = default;

std::unique_ptr<Peers> open_peers(double timeout_seconds) {
  const RankInfo ranks = launched_ranks();
  if (ranks.size == 1) return nullptr;
  const Library library = open_library();
  if (library.entry == nullptr)
    throw Error(ErrorKind::usage, "no-mpi",
                "a launcher has started " + std::to_string(ranks.size) +
                    " processes, but MPI cannot be used: " + library.reason,
                kHelp);
  return std::unique_ptr<Peers>(library.entry->open(ranks, timeout_seconds));
}

PeersSupport peers_support() {
  const Library library = open_library();
  if (library.entry == nullptr) return {false, library.reason};
  return {true, library.entry->version()};
}

}  // namespace millrace
