// Timed CUDA events, recycled through a free list; the first of them, waited for at the start, ties the GPU's time to the host's clock.
#include "cuda/device/gpu_clock.hpp"

#include <chrono>
#include <utility>

namespace millrace::cuda {
namespace {

EventOwner make_timed_event() {
  cudaEvent_t event = nullptr;
  MILLRACE_CUDA(cudaEventCreateWithFlags, &event, cudaEventDefault);
  return EventOwner(event);
}

class EventMark final : public TimeMark {
 public:
  explicit EventMark(EventOwner event) : event_(std::move(event)) {}
  bool reached() noexcept override {
    const cudaError_t state = cudaEventQuery(event_.get());
    ignore(state);  // the runtime keeps even "not ready" as its last error
    return state == cudaSuccess;
  }
  double seconds_since(const TimeMark& earlier) const override {
    float milliseconds = 0;
    ignore(cudaEventElapsedTime(&milliseconds, static_cast<const EventMark&>(earlier).event_.get(), event_.get()));
    return static_cast<double>(milliseconds) / 1e3;
  }
  cudaEvent_t get() const { return event_.get(); }
  EventOwner release() { return std::move(event_); }

 private:
  EventOwner event_;
};

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

GpuClock::GpuClock() : account_(steady_seconds) {}

SharedGpuClock GpuClock::start() {
  SharedGpuClock clock(new GpuClock);
  const StreamOwner stream = make_stream_handle();
  const double host = clock->account_.now();
  SharedMark first = clock->mark(stream.get());
  MILLRACE_CUDA(cudaStreamSynchronize, stream.get());
  clock->account_.start(std::move(first), host);
  return clock;
}

SharedMark GpuClock::mark(cudaStream_t stream) {
  EventOwner event;
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      event = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (event.get() == nullptr) event = make_timed_event();
  const cudaEvent_t handle = event.get();
  auto owner = std::make_unique<EventMark>(std::move(event));
  // The account itself holds marks when the clock goes; those have nowhere to go back to.
  SharedMark mark(owner.release(), [home = weak_from_this()](TimeMark* used) {
    const std::unique_ptr<EventMark> gone(static_cast<EventMark*>(used));
    const auto clock = home.lock();
    if (!clock) return;
    const std::lock_guard lock(clock->mutex_);
    clock->spare_.push_back(gone->release());
  });
  MILLRACE_CUDA(cudaEventRecord, handle, stream);
  return mark;
}

}  // namespace millrace::cuda
