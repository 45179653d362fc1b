// All processes of one run. A launcher (mpirun, srun) starts them; each finds the others here and runs the same graph.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/detail/export.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// Which process this is. `local`: among those of the same machine; a launcher may leave out how many they are, which is 0
/// then, and MPI counts them.
struct RankInfo {
  int rank = 0, size = 1;
  int local_rank = 0, local_size = 1;
};

/// The ranks that the launcher's environment speaks of (Open MPI, PMI, Slurm); {0, 1, 0, 1} when there is no launcher, and
/// with MILLRACE_ALONE=1, which lets a launcher start runs of one process each.
MILLRACE_EXPORT RankInfo launched_ranks();

/// Main thread, except where said. What blocks throws as Communicator's calls do.
class MILLRACE_EXPORT Peers {
 public:
  virtual ~Peers();
  virtual const RankInfo& ranks() const = 0;
  /// Cores for this rank: those it may use, divided by the ranks that may use the same ones.
  virtual int cores() const = 0;
  /// What every rank says, in rank order; at most 1,000 bytes each. `what` names it in errors.
  virtual std::vector<std::string> all_gather(std::string_view mine, const char* what) = 0;
  /// A communicator for a node, duplicated from that of all ranks. Every rank calls it for the same nodes in the same order.
  virtual std::unique_ptr<Communicator> communicator(const std::string& node, const std::string& stage) = 0;

  /// Where a request to stop this rank appears. May be null. Must outlive this.
  virtual void watch(const std::atomic<int>* stop_signal) = 0;
  /// Becomes the number of the signal once all ranks have agreed to stop.
  virtual const std::atomic<int>& agreed_stop() const = 0;
  /// This rank has failed: tells the others, and cancels what this rank waits for. Any thread.
  virtual void failed(const std::string& what) noexcept = 0;
  /// Blocks until every rank has come to the end of its run.
  virtual void finish() = 0;
  /// The last call. After a failure of any rank it ends the process with `exit_code` instead of returning.
  virtual void leave(int exit_code) noexcept = 0;
};

/// The other processes of this run, or null when this one is alone. `timeout_seconds`: how long a rank may keep the others
/// waiting. Throws Error("no-mpi", usage) when a launcher started several processes and MPI cannot be used, and
/// Error("peer-lost", stalled).
MILLRACE_EXPORT std::unique_ptr<Peers> open_peers(double timeout_seconds);

/// Whether runs over several processes are possible here; the reason where they are not, the MPI library where they are.
struct PeersSupport {
  bool available = false;
  std::string detail;
};
MILLRACE_EXPORT PeersSupport peers_support();
/// Whether GPUs of several processes can sum their gradients by NCCL here: its version and path, or what is missing. Opens the library.
MILLRACE_EXPORT PeersSupport nccl_support();

}  // namespace millrace
