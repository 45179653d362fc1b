// Owners of CUDA's handles: made in the constructor, destroyed in the destructor, never copied. Passed on as views, by the
// plain handle.
#pragma once

#include "cuda/runtime/checks.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace millrace::cuda {

/// Makes `index` the current device of this thread. CUDA keeps one a thread, so whatever calls CUDA says first which it means.
/// The one before is not restored: that would make a context on it, on GPU 0 for every process of a machine.
inline void use_device(int index) {
  int now = 0;
  MILLRACE_CUDA(cudaGetDevice, &now);
  if (now != index) MILLRACE_CUDA(cudaSetDevice, index);
}

/// The same for those who must not throw: whether `index` is the current device now.
inline bool try_device(int index) noexcept {
  const cudaError_t state = cudaSetDevice(index);
  ignore(state);
  return state == cudaSuccess;
}

/// A handle with the function that destroys it. An error of an asynchronous call that destruction meets is not lost: the next
/// checked call meets it too.
template <class Handle, cudaError_t (*destroy)(Handle)>
class Owner {
 public:
  Owner() = default;
  explicit Owner(Handle handle) : handle_(handle) {}
  Owner(Owner&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owner() {
    if (handle_ != nullptr) ignore(destroy(handle_));
  }
  Handle get() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};

using StreamOwner = Owner<cudaStream_t, cudaStreamDestroy>;
using EventOwner = Owner<cudaEvent_t, cudaEventDestroy>;
using GraphOwner = Owner<cudaGraph_t, cudaGraphDestroy>;
using GraphExecOwner = Owner<cudaGraphExec_t, cudaGraphExecDestroy>;

/// What `enqueue` puts on the stream, as a graph instead of work. Thread-local: another thread of the run may allocate meanwhile, which
/// a global capture would forbid. Kernels must have run before, because nothing may be loaded while capturing.
template <class Enqueue>
GraphOwner captured(cudaStream_t stream, const Enqueue& enqueue) {
  MILLRACE_CUDA(cudaStreamBeginCapture, stream, cudaStreamCaptureModeThreadLocal);
  cudaGraph_t graph = nullptr;
  try {
    enqueue();
  } catch (...) {
    ignore(cudaStreamEndCapture(stream, &graph));
    const GraphOwner partial(graph);
    throw;
  }
  MILLRACE_CUDA(cudaStreamEndCapture, stream, &graph);
  return GraphOwner(graph);
}

/// A stream that does not wait for the legacy default stream.
inline StreamOwner make_stream_handle() {
  cudaStream_t stream = nullptr;
  MILLRACE_CUDA(cudaStreamCreateWithFlags, &stream, cudaStreamNonBlocking);
  return StreamOwner(stream);
}

/// An event that keeps no time.
inline EventOwner make_event_handle() {
  cudaEvent_t event = nullptr;
  MILLRACE_CUDA(cudaEventCreateWithFlags, &event, cudaEventDisableTiming);
  return EventOwner(event);
}

}  // namespace millrace::cuda
