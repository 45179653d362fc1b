// Events of a GPU's streams.
#pragma once

#include "cuda/device/gpu_clock.hpp"
#include "cuda/runtime/liveness.hpp"

#include <millrace/device.hpp>

#include <cuda_runtime_api.h>

namespace millrace::cuda {

/// An event of `stream`, behind everything enqueued so far. Copies share it. Its synchronize() sleeps and looks again, so that
/// it ends when the device is abandoned; it overshoots by a sixteenth of the wait, at most half a millisecond. `copied`: what
/// copied_at tells of it.
Event record_event(int device_index, cudaStream_t stream, SharedLiveness liveness, SharedMoment copied = {});

/// When the copies before `event` ended, if it stands right behind copies of a Stream; null otherwise.
SharedMoment copied_at(const Event& event);

/// Later work of `stream` starts after `event`. An event of another kind of device is waited for on this thread.
void wait_for_event(cudaStream_t stream, const Event& event);

}  // namespace millrace::cuda
