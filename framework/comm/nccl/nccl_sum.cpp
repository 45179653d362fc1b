// All ranks get rank 0's ncclUniqueId and join a non-blocking communicator; calls are polled with ncclCommGetAsyncError until they have ended
// or the time is up, so that a lost rank is an error and no hang.
#include "nccl_sum.hpp"

#include "nccl_library.hpp"

#include <millrace/error.hpp>

#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace millrace::comm {
namespace {

using Clock = std::chrono::steady_clock;

/// In progress is no error: the communicator does not block.
void require(ncclResult_t result, const char* call) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  throw Error(ErrorKind::device, "nccl-failed", std::string(call) + ": " + nccl_library().error_string(result),
              "NCCL_DEBUG=WARN makes NCCL say more");
}

/// Rank 0's, which every rank learns by a gather.
ncclUniqueId shared_id(Communicator& bootstrap) {
  ncclUniqueId id{};
  if (bootstrap.rank() == 0) require(nccl_library().get_unique_id(&id), "ncclGetUniqueId");
  const std::vector<std::byte> all = bootstrap.all_gather(std::as_bytes(std::span(&id, 1)));
  std::memcpy(&id, all.data(), sizeof id);
  return id;
}

}  // namespace

std::string why_no_nccl() {
  try {
    nccl_library();
    return {};
  } catch (const Error& error) {
    return error.message();
  }
}

NcclSum::NcclSum(Communicator& bootstrap, std::chrono::milliseconds timeout) : timeout_(timeout) {
  const ncclUniqueId id = shared_id(bootstrap);
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  try {
    require(nccl_library().init_rank(&communicator_, bootstrap.size(), id, bootstrap.rank(), &config),
            "ncclCommInitRankConfig");
    wait_until_ready("ncclCommInitRankConfig");
  } catch (...) {
    abort();
    throw;
  }
}

NcclSum::~NcclSum() { abort(); }

void NcclSum::wait_until_ready(const char* call) {
  const Clock::time_point until = Clock::now() + timeout_;
  for (ncclResult_t state = ncclInProgress; state == ncclInProgress;) {
    require(nccl_library().get_async_error(communicator_, &state), "ncclCommGetAsyncError");
    require(state, call);
    if (state == ncclInProgress && Clock::now() > until)
      throw Error(ErrorKind::stalled, "peer-lost", std::string(call) + " did not end within the timeout");
    if (state == ncclInProgress) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void NcclSum::all_reduce_sum(float* values, std::size_t count, cudaStream_t stream) {
  require(nccl_library().all_reduce(values, values, count, ncclFloat32, ncclSum, communicator_, stream),
          "ncclAllReduce");
  wait_until_ready("ncclAllReduce");  // for it to be enqueued
}

void NcclSum::check() {
  ncclResult_t state = ncclSuccess;
  require(nccl_library().get_async_error(communicator_, &state), "ncclCommGetAsyncError");
  if (state == ncclSuccess || state == ncclInProgress) return;
  throw Error(ErrorKind::stalled, "peer-lost", std::string("NCCL lost a rank: ") + nccl_library().error_string(state));
}

void NcclSum::finish() {
  require(nccl_library().finalize(communicator_), "ncclCommFinalize");
  wait_until_ready("ncclCommFinalize");
  require(nccl_library().destroy(communicator_), "ncclCommDestroy");
  communicator_ = nullptr;
}

void NcclSum::abort() noexcept {
  if (communicator_ == nullptr) return;
  nccl_library().abort(communicator_);
  communicator_ = nullptr;
}

}  // namespace millrace::comm
