// What the shared object that holds MPI gives to the framework.
#pragma once

#include <millrace/peers.hpp>

#include <string>

namespace millrace::comm {

inline constexpr const char* kPeersEntry = "millrace_peers_library";

struct PeersLibrary {
  /// Starts MPI. `ranks` is what the launcher's environment says. Throws Error("peer-lost", stalled).
  Peers* (*open)(const RankInfo& ranks, double timeout_seconds);
  /// "Open MPI v4.1.4". MPI need not be started.
  std::string (*version)();
};

}  // namespace millrace::comm
