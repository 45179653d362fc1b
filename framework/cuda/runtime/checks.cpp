// Sorts error codes into out of memory, sticky ones that lose the device, and all others, and clears the runtime's last error, which a later
// call would report as its own.
#include "cuda/runtime/checks.hpp"

#include <fmt/format.h>

namespace millrace::cuda {
namespace {

/// After these every later call of the process fails alike: nothing of the context can be saved.
bool is_sticky(cudaError_t code) {
  switch (code) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
    case cudaErrorUnknown:
#if CUDART_VERSION >= 12080  // 12.6 has no names for these
    case cudaErrorContained:
    case cudaErrorTensorMemoryLeak:
#endif
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string describe_failure(const char* call, cudaError_t code) {
  return fmt::format("{}: {} ({}, {})", call, cudaGetErrorString(code), cudaGetErrorName(code), static_cast<int>(code));
}

void check(cudaError_t code, const char* call) {
  if (code == cudaSuccess) return;
  cudaGetLastError();
  if (code == cudaErrorMemoryAllocation)
    throw Error(ErrorKind::run, "out-of-memory", describe_failure(call, code),
                "smaller batches need less; `pipeline-run devices` shows what other programs use");
  if (is_sticky(code))
    throw Error(ErrorKind::run, "device-lost", describe_failure(call, code),
                "the process has lost its device; the error may come from an earlier asynchronous call");
  throw Error(ErrorKind::run, "cuda-failed", describe_failure(call, code));
}

// cuBLASLt says of a lost device that the execution has failed; the cause is with the runtime.
void check(cublasStatus_t code, const char* call) {
  if (code == CUBLAS_STATUS_SUCCESS) return;
  check(cudaGetLastError(), call);
  throw Error(ErrorKind::run, "cuda-failed",
              fmt::format("{}: {} ({})", call, cublasLtGetStatusString(code), static_cast<int>(code)));
}

void ignore(cudaError_t code) noexcept {
  if (code != cudaSuccess) cudaGetLastError();
}

}  // namespace millrace::cuda
