// The functions of nccl_sum.cpp for the linker: the constructor throws the error no-nccl, so that no other member is ever called.
#include "no_nccl.hpp"

#include "nccl_sum.hpp"

#include <millrace/error.hpp>

namespace millrace::comm {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorKind::device, "no-nccl", why_no_nccl(),
              "build where nccl.h is, or train on the CPU: --set device=cpu");
}

}  // namespace

std::string why_no_nccl() { return kBuiltWithoutNccl; }

NcclSum::NcclSum(Communicator& /*bootstrap*/, std::chrono::milliseconds timeout) : timeout_(timeout) { refuse(); }
NcclSum::~NcclSum() { abort(); }
void NcclSum::all_reduce_sum(float* /*values*/, std::size_t /*count*/, cudaStream_t /*stream*/) { refuse(); }
void NcclSum::check() { refuse(); }
void NcclSum::finish() { refuse(); }
void NcclSum::wait_until_ready(const char* /*call*/) { refuse(); }
void NcclSum::abort() noexcept { communicator_ = nullptr; }

}  // namespace millrace::comm
