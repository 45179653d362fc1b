// Every call of CUDA and cuBLASLt goes through one of these, once, with its name.
#pragma once

#include <millrace/error.hpp>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <string>

namespace millrace::cuda {

/// "cudaMalloc: out of memory (cudaErrorMemoryAllocation, 2)"
std::string describe_failure(const char* call, cudaError_t code);

/// Returns on success. Otherwise clears the error that the runtime keeps for the next caller and throws
/// Error("cuda-failed", run), or "out-of-memory" for want of memory, or "device-lost" for an error after which the
/// device's context is of no use.
void check(cudaError_t code, const char* call);
/// The same for cuBLASLt: what the runtime says of the cause, else Error("cuda-failed", run).
void check(cublasStatus_t code, const char* call);
/// For destructors: clears the error and says nothing, since an earlier call has reported it or will.
void ignore(cudaError_t code) noexcept;

}  // namespace millrace::cuda

/// MILLRACE_CUDA(cudaMalloc, &pointer, bytes) calls and checks.
#define MILLRACE_CUDA(function, ...) ::millrace::cuda::check(function(__VA_ARGS__), #function)
