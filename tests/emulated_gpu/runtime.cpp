// The functions of the CUDA runtime that Millrace calls, on the emulated GPU. Like CUDA's they refuse what is a mistake: a call
// that is not allowed while a stream is captured, memory out of bounds, a stream of another GPU.
#include "runtime.hpp"

#include "memory.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

using namespace emulated;

namespace emulated {
namespace {

thread_local cudaError_t last_error = cudaSuccess;
thread_local int current_device = 0;

}  // namespace

cudaError_t fail(int code) { return last_error = static_cast<cudaError_t>(code); }

cudaError_t begin_call(const char* call) {
  if (const int error = sticky_error(); error != 0) return fail(error);
  if (const int error = planted_error(call); error != 0) return fail(error);
  return cudaSuccess;
}

namespace {

cudaError_t result(int code) { return code == 0 ? cudaSuccess : fail(code); }

/// Calls that wait or change memory must not be made by a thread that captures, and spoil its capture.
cudaError_t begin_unsafe_call(const char* call) {
  if (Capture* capture = forbidding_capture()) {
    capture->is_broken = true;
    return fail(cudaErrorStreamCaptureUnsupported);
  }
  return begin_call(call);
}

int device_count() {
  const char* text = std::getenv("EMULATED_GPU_COUNT");
  return text == nullptr ? 1 : std::atoi(text);
}

// "a GPU,another GPU": each device's own.
std::string name_of(int device) {
  const char* names = std::getenv("EMULATED_GPU_NAMES");
  if (names == nullptr) return "emulated GPU";
  std::istringstream list(names);
  std::string name;
  for (int i = 0; i <= device && std::getline(list, name, ','); ++i) {
  }
  return name;
}

cudaError_t allocate_into(void** memory, Place place, std::size_t bytes) {
  *memory = allocate(place, bytes);
  return *memory == nullptr ? fail(cudaErrorMemoryAllocation) : cudaSuccess;
}

// Whatever uses the memory ends first, as with CUDA.
cudaError_t release_from(void* memory, Place place) {
  if (memory == nullptr) return cudaSuccess;
  synchronize_all();
  return release(place, memory) ? cudaSuccess : fail(cudaErrorInvalidValue);
}

/// Bytes of pageable memory are taken at once; a copy there is over when the call returns.
void copy(Stream& stream, void* to, const void* from, std::size_t bytes) {
  const bool is_captured = stream.capture != nullptr;
  if (find(from, bytes).place == Place::host && !is_captured) {
    const auto* begin = static_cast<const std::byte*>(from);
    enqueue(stream,
            [to, kept = std::vector<std::byte>(begin, begin + bytes)] { std::memcpy(to, kept.data(), kept.size()); });
  } else {
    enqueue(stream, [to, from, bytes] { std::memcpy(to, from, bytes); });
  }
  if (find(to, bytes).place == Place::host && !is_captured) synchronize(stream.last);
}

}  // namespace
}  // namespace emulated

#define CUDA_CALL extern "C" __attribute__((visibility("default"))) cudaError_t

CUDA_CALL cudaGetLastError() {
  if (const int error = sticky_error(); error != 0) return static_cast<cudaError_t>(error);
  return std::exchange(last_error, cudaSuccess);
}

extern "C" EMULATED_EXPORT const char* cudaGetErrorName(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    default:
      return "an error of the emulated GPU";
  }
}
extern "C" EMULATED_EXPORT const char* cudaGetErrorString(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorInvalidValue:
      return "invalid argument";
    default:
      return "see the number";
  }
}

CUDA_CALL cudaDriverGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
CUDA_CALL cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
CUDA_CALL cudaGetDeviceCount(int* count) {
  *count = device_count();
  return cudaSuccess;
}
CUDA_CALL cudaGetDevice(int* device) {
  *device = current_device;
  return begin_call("cudaGetDevice");
}
CUDA_CALL cudaSetDevice(int device) {
  if (device < 0 || device >= device_count()) return fail(cudaErrorInvalidDevice);
  current_device = device;
  return begin_call("cudaSetDevice");
}
CUDA_CALL cudaDeviceCanAccessPeer(int* can, int, int) {
  *can = 1;
  return cudaSuccess;
}
CUDA_CALL cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "%s", name_of(device).c_str());
  properties->totalGlobalMem = gpu_bytes();
  properties->major = 9;
  properties->multiProcessorCount = 8;
  return begin_call("cudaGetDeviceProperties");
}
CUDA_CALL cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  *free_bytes = free_gpu_bytes();
  *total = gpu_bytes();
  return begin_call("cudaMemGetInfo");
}

CUDA_CALL cudaMalloc(void** memory, std::size_t bytes) {
  if (const cudaError_t error = begin_unsafe_call("cudaMalloc"); error != cudaSuccess) return error;
  return allocate_into(memory, Place::device, bytes);
}
CUDA_CALL cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  if (const cudaError_t error = begin_unsafe_call("cudaHostAlloc"); error != cudaSuccess) return error;
  return allocate_into(memory, Place::pinned, bytes);
}
CUDA_CALL cudaFree(void* memory) {
  if (const cudaError_t error = begin_unsafe_call("cudaFree"); error != cudaSuccess) return error;
  return release_from(memory, Place::device);
}
CUDA_CALL cudaFreeHost(void* memory) {
  if (const cudaError_t error = begin_unsafe_call("cudaFreeHost"); error != cudaSuccess) return error;
  return release_from(memory, Place::pinned);
}

CUDA_CALL cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  if (const cudaError_t error = begin_call("cudaMemcpyAsync"); error != cudaSuccess) return error;
  if (!find(to, bytes).fits || !find(from, bytes).fits) return fail(cudaErrorInvalidValue);
  copy(stream_of(stream), to, from, bytes);
  return cudaSuccess;
}
CUDA_CALL cudaMemsetAsync(void* memory, int value, std::size_t bytes, cudaStream_t stream) {
  if (const cudaError_t error = begin_call("cudaMemsetAsync"); error != cudaSuccess) return error;
  const Found found = find(memory, bytes);
  if (!found.fits || found.place == Place::host) return fail(cudaErrorInvalidValue);
  enqueue(stream_of(stream), [memory, value, bytes] { std::memset(memory, value, bytes); });
  return cudaSuccess;
}

CUDA_CALL cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  auto* made = new Stream;
  made->device = current_device;
  *stream = reinterpret_cast<cudaStream_t>(made);
  return begin_call("cudaStreamCreateWithFlags");
}
CUDA_CALL cudaStreamDestroy(cudaStream_t stream) {
  delete &stream_of(stream);
  return begin_call("cudaStreamDestroy");
}
CUDA_CALL cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = begin_unsafe_call("cudaStreamSynchronize"); error != cudaSuccess) return error;
  synchronize(stream_of(stream).last);
  return begin_call("cudaStreamSynchronize");
}
CUDA_CALL cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (const cudaError_t error = begin_call("cudaStreamWaitEvent"); error != cudaSuccess) return error;
  return result(wait(stream_of(stream), event_of(event)));
}

CUDA_CALL cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  auto* made = new Event;
  made->device = current_device;
  made->keeps_time = (flags & cudaEventDisableTiming) == 0;
  *event = reinterpret_cast<cudaEvent_t>(made);
  return begin_call("cudaEventCreateWithFlags");
}
CUDA_CALL cudaEventDestroy(cudaEvent_t event) {
  delete &event_of(event);
  return begin_call("cudaEventDestroy");
}
CUDA_CALL cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = begin_call("cudaEventRecord"); error != cudaSuccess) return error;
  if (event_of(event).device != stream_of(stream).device) return fail(cudaErrorInvalidResourceHandle);
  record(stream_of(stream), event_of(event));
  return cudaSuccess;
}
CUDA_CALL cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = begin_unsafe_call("cudaEventQuery"); error != cudaSuccess) return error;
  if (event_of(event).capture) return fail(cudaErrorCapturedEvent);
  return is_done(event_of(event).node) ? begin_call("cudaEventQuery") : fail(cudaErrorNotReady);
}
CUDA_CALL cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
  const Event &a = event_of(from), &b = event_of(to);
  if (!a.keeps_time || !b.keeps_time || !a.node || !b.node) return fail(cudaErrorInvalidResourceHandle);
  if (!is_done(a.node) || !is_done(b.node)) return fail(cudaErrorNotReady);
  *milliseconds = static_cast<float>(1e3 * (b.node->seconds - a.node->seconds));
  return cudaSuccess;
}

CUDA_CALL cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (const cudaError_t error = begin_call("cudaStreamBeginCapture"); error != cudaSuccess) return error;
  return result(begin_capture(stream_of(stream)));
}
CUDA_CALL cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = nullptr;
  std::unique_ptr<Graph> made;
  const int error = end_capture(stream_of(stream), made);
  *graph = reinterpret_cast<cudaGraph_t>(made.release());
  return error == 0 ? begin_call("cudaStreamEndCapture") : fail(error);
}
CUDA_CALL cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  if (nodes != nullptr) return fail(cudaErrorInvalidValue);
  *count = reinterpret_cast<Graph*>(graph)->nodes.size();
  return begin_call("cudaGraphGetNodes");
}
CUDA_CALL cudaGraphDestroy(cudaGraph_t graph) {
  delete reinterpret_cast<Graph*>(graph);
  return cudaSuccess;
}
CUDA_CALL cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (const cudaError_t error = begin_call("cudaGraphInstantiate"); error != cudaSuccess) return error;
  *exec = reinterpret_cast<cudaGraphExec_t>(new GraphExec{*reinterpret_cast<Graph*>(graph), nullptr});
  return cudaSuccess;
}
CUDA_CALL cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete reinterpret_cast<GraphExec*>(exec);
  return cudaSuccess;
}
CUDA_CALL cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return begin_call("cudaGraphUpload"); }
CUDA_CALL cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (const cudaError_t error = begin_call("cudaGraphLaunch"); error != cudaSuccess) return error;
  return result(replay(*reinterpret_cast<GraphExec*>(exec), stream_of(stream)));
}
