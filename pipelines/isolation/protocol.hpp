// What the run asks of the process of a stage, and what it is answered. The first byte of each message.
#pragma once

#include <cstdint>

namespace millrace::pipelines {

/// `end` is not answered. A line that closes without it means that the run has died.
enum class Request : std::uint8_t { open, begin_epoch, produce, process, save, load, close, end };

/// done and failed end a request and carry what the stage has let go of; stop_after waits for its reply.
enum class WorkerMessage : std::uint8_t { done, failed, emit, stop_after, metrics, step, print, warning };

/// How the process of a stage ends when it was asked to and the stage is gone: a code that no exit() of a stage gives by itself.
inline constexpr int kEndedInOrder = 97;

/// Descriptors of the process of a stage when it starts.
inline constexpr int kSocketDescriptor = 3, kInputsDescriptor = 4, kOutputsDescriptor = 5;

/// The first argument of the program that is such a process; the second is the process it belongs to.
inline constexpr const char* kStageWorkerArgument = "__stage_worker";

/// The run's word to the stage that it is being stopped: a number other than 0 at the start of the inputs.
using StopFlag = std::uint32_t;

}  // namespace millrace::pipelines
