// The host polls cudaEventQuery and never blocks inside CUDA, so that its waits can time out; a stream waits for an event on the GPU.
#include "cuda/device/cuda_event.hpp"

#include "cuda/runtime/checks.hpp"
#include "cuda/runtime/handles.hpp"

#include <chrono>
#include <memory>
#include <utility>

namespace millrace::cuda {
namespace {

class CudaEvent final : public Event::State {
 public:
  CudaEvent(int device_index, cudaStream_t stream, SharedLiveness liveness, SharedMoment copied)
      : device_(device_index), event_(make_event_handle()), liveness_(std::move(liveness)), copied_(std::move(copied)) {
    MILLRACE_CUDA(cudaEventRecord, event_.get(), stream);
  }
  ~CudaEvent() override {
    if (!liveness_->is_abandoned()) try_device(device_);  // for the handle, which any thread may drop
  }
  CudaEvent(const CudaEvent&) = delete;
  CudaEvent& operator=(const CudaEvent&) = delete;
  bool done() override {
    liveness_->require();
    use_device(device_);
    const cudaError_t state = cudaEventQuery(event_.get());
    if (state == cudaErrorNotReady) {
      ignore(state);  // the runtime keeps even this as its last error
      return false;
    }
    check(state, "cudaEventQuery");
    return true;
  }
  void synchronize() override {
    while (!wait_for(std::chrono::hours(1))) {
    }
  }
  cudaEvent_t get() const { return event_.get(); }
  const SharedMoment& copied() const { return copied_; }

 private:
  int device_;
  EventOwner event_;
  SharedLiveness liveness_;
  SharedMoment copied_;
};

}  // namespace

SharedMoment copied_at(const Event& event) {
  const auto* ours = dynamic_cast<const CudaEvent*>(event.state().get());
  return ours == nullptr ? nullptr : ours->copied();
}

Event record_event(int device_index, cudaStream_t stream, SharedLiveness liveness, SharedMoment copied) {
  use_device(device_index);
  return Event(std::make_shared<CudaEvent>(device_index, stream, std::move(liveness), std::move(copied)));
}

void wait_for_event(cudaStream_t stream, const Event& event) {
  if (const auto* ours = dynamic_cast<const CudaEvent*>(event.state().get()))
    MILLRACE_CUDA(cudaStreamWaitEvent, stream, ours->get(), 0);
  else
    event.synchronize();
}

}  // namespace millrace::cuda
