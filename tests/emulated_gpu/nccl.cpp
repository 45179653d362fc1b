// The functions of NCCL that Millrace calls, for emulated GPUs of several processes of one machine: they meet in a file of shared
// memory. Sums are taken in the order of ranks, so that all ranks get the same bits.
#include "runtime.hpp"

#include <fcntl.h>
#include <nccl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

namespace {

constexpr std::size_t kMostRanks = 16, kChunk = 64 << 10;  // floats that travel at a time

/// What the ranks share; a new file is all zeros.
struct Meeting {
  std::atomic<int> arrived, at_barrier, generation;
  std::atomic<pid_t> processes[kMostRanks];
  float chunks[kMostRanks][kChunk];
};

class Sums {
 public:
  Sums(const std::string& name, int ranks, int rank) : name_(name), ranks_(ranks), rank_(rank) {
    const int file = shm_open(name.c_str(), O_RDWR | O_CREAT, 0600);
    if (file < 0 || ftruncate(file, sizeof(Meeting)) != 0) return;
    void* memory = mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory == MAP_FAILED) return;
    meeting_ = static_cast<Meeting*>(memory);
    meeting_->processes[rank] = getpid();
    ++meeting_->arrived;
  }
  ~Sums() {
    if (meeting_ != nullptr) munmap(meeting_, sizeof(Meeting));
  }
  Sums(const Sums&) = delete;
  Sums& operator=(const Sums&) = delete;

  ncclResult_t state() {
    if (meeting_ == nullptr) return ncclSystemError;
    if (meeting_->arrived < ranks_) return ncclInProgress;
    if (rank_ == 0) shm_unlink(name_.c_str());  // all have it open
    return has_lost_one() ? ncclRemoteError : ncclSuccess;
  }
  void abort() { is_aborted_ = true; }

  void add(const float* from, float* to, std::size_t count) {
    for (std::size_t first = 0; first < count; first += kChunk) {
      const std::size_t some = std::min(kChunk, count - first);
      std::memcpy(meeting_->chunks[rank_], from + first, some * sizeof(float));
      if (!meet()) return;
      for (std::size_t i = 0; i < some; ++i) to[first + i] = sum_at(i);
      if (!meet()) return;
    }
  }

 private:
  float sum_at(std::size_t i) const {
    float sum = meeting_->chunks[0][i];
    for (int rank = 1; rank < ranks_; ++rank) sum += meeting_->chunks[rank][i];
    return sum;
  }
  bool has_lost_one() {
    for (int rank = 0; rank < ranks_; ++rank)
      if (kill(meeting_->processes[rank], 0) != 0 && errno == ESRCH) is_lost_ = true;
    return is_lost_;
  }
  /// Whether all ranks came; not when one is gone or this one gave up.
  bool meet() {
    const int now = meeting_->generation;
    if (++meeting_->at_barrier == ranks_) {
      meeting_->at_barrier = 0;
      ++meeting_->generation;
      return true;
    }
    while (meeting_->generation == now) {
      if (is_aborted_ || has_lost_one()) return false;
      sched_yield();
    }
    return true;
  }

  std::string name_;
  int ranks_, rank_;
  Meeting* meeting_ = nullptr;
  std::atomic<bool> is_aborted_{false}, is_lost_{false};
};

using SharedSums = std::shared_ptr<Sums>;
const SharedSums& sums_of(ncclComm_t communicator) { return *reinterpret_cast<SharedSums*>(communicator); }

}  // namespace

#define NCCL_CALL extern "C" EMULATED_EXPORT ncclResult_t

NCCL_CALL ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}
NCCL_CALL ncclGetUniqueId(ncclUniqueId* id) {
  static std::atomic<int> made{0};
  const std::string name = "/millrace_emulated_" + std::to_string(getpid()) + "_" + std::to_string(++made);
  *id = {};
  name.copy(id->internal, sizeof id->internal - 1);
  return ncclSuccess;
}
NCCL_CALL ncclCommInitRankConfig(ncclComm_t* communicator, int ranks, ncclUniqueId id, int rank, ncclConfig_t* config) {
  if (config->blocking != 0 || static_cast<std::size_t>(ranks) > kMostRanks) return ncclInvalidArgument;
  *communicator = reinterpret_cast<ncclComm_t>(new SharedSums(std::make_shared<Sums>(id.internal, ranks, rank)));
  return ncclInProgress;
}
NCCL_CALL ncclCommGetAsyncError(ncclComm_t communicator, ncclResult_t* state) {
  *state = sums_of(communicator)->state();
  return ncclSuccess;
}
NCCL_CALL ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type, ncclRedOp_t op,
                        ncclComm_t communicator, cudaStream_t stream) {
  if (type != ncclFloat32 || op != ncclSum) return ncclInvalidArgument;
  if (emulated::planted_error("ncclAllReduce") != 0) return ncclInternalError;
  emulated::enqueue(emulated::stream_of(stream), [sums = sums_of(communicator), from = static_cast<const float*>(from),
                                                  to = static_cast<float*>(to), count] { sums->add(from, to, count); });
  return ncclSuccess;
}
NCCL_CALL ncclCommFinalize(ncclComm_t) { return ncclSuccess; }
NCCL_CALL ncclCommDestroy(ncclComm_t communicator) {
  delete &sums_of(communicator);
  return ncclSuccess;
}
NCCL_CALL ncclCommAbort(ncclComm_t communicator) {
  sums_of(communicator)->abort();
  return ncclCommDestroy(communicator);
}
extern "C" EMULATED_EXPORT const char* ncclGetErrorString(ncclResult_t code) {
  return code == ncclRemoteError ? "remote process exited" : "an error of the emulated NCCL";
}
