// NCCL on a machine without a GPU: found or not, it must say so as an error of the device. On a machine with one, or with an
// emulated one: it starts with a single rank, its sum is captured and replayed, and it ends by finish and by abort.
#include "catch.hpp"
#include "comm/nccl/nccl_library.hpp"
#include "comm/nccl/nccl_sum.hpp"

#include <millrace/error.hpp>

#include <cuda_runtime_api.h>

#include <vector>

using namespace millrace;

namespace {

bool has_gpu() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

void require(cudaError_t code) { REQUIRE(code == cudaSuccess); }

/// Numbers on a GPU with a stream.
class OnGpu {
 public:
  explicit OnGpu(const std::vector<float>& values) : bytes_(values.size() * sizeof(float)) {
    require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    require(cudaMalloc(reinterpret_cast<void**>(&values_), bytes_));
    require(cudaMemcpyAsync(values_, values.data(), bytes_, cudaMemcpyDefault, stream_));
  }
  ~OnGpu() {
    cudaFree(values_);
    cudaStreamDestroy(stream_);
  }
  OnGpu(const OnGpu&) = delete;
  OnGpu& operator=(const OnGpu&) = delete;
  float* values() const { return values_; }
  cudaStream_t stream() const { return stream_; }
  std::vector<float> back() const {
    std::vector<float> values(bytes_ / sizeof(float));
    require(cudaMemcpyAsync(values.data(), values_, bytes_, cudaMemcpyDefault, stream_));
    require(cudaStreamSynchronize(stream_));
    return values;
  }

 private:
  std::size_t bytes_;
  float* values_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

/// The sum as a graph, replayed `times` times.
void replay_sum(comm::NcclSum& sum, const OnGpu& numbers, std::size_t count, int times) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  require(cudaStreamBeginCapture(numbers.stream(), cudaStreamCaptureModeThreadLocal));
  sum.all_reduce_sum(numbers.values(), count, numbers.stream());
  require(cudaStreamEndCapture(numbers.stream(), &graph));
  require(cudaGraphInstantiate(&exec, graph, 0ULL));
  for (int i = 0; i < times; ++i) require(cudaGraphLaunch(exec, numbers.stream()));
  require(cudaStreamSynchronize(numbers.stream()));
  require(cudaGraphExecDestroy(exec));
  require(cudaGraphDestroy(graph));
}

}  // namespace

TEST_CASE("NCCL is a device error where there is no GPU") {
  if (has_gpu()) return;
  const auto alone = make_self_communicator();
  try {
    comm::NcclSum sum(*alone, std::chrono::seconds(60));
    FAIL("a sum on a GPU was made without a GPU");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::device);
    CHECK((error.name() == "nccl-failed" || error.name() == "no-nccl"));
  }
}

TEST_CASE("a sum over one rank changes nothing, at once and captured, and the rank takes its leave") {
  if (!has_gpu()) return;
  const auto alone = make_self_communicator();
  const std::vector<float> values{1.5F, -2, 0, 1e30F, 3};
  const OnGpu numbers(values);
  comm::NcclSum sum(*alone, std::chrono::seconds(60));
  sum.all_reduce_sum(numbers.values(), values.size(), numbers.stream());
  CHECK(numbers.back() == values);
  replay_sum(sum, numbers, values.size(), 3);
  CHECK(numbers.back() == values);
  sum.check();
  sum.finish();
}

TEST_CASE("a rank that aborts leaves the GPU usable") {
  if (!has_gpu()) return;
  const auto alone = make_self_communicator();
  const OnGpu numbers({1, 2});
  comm::NcclSum sum(*alone, std::chrono::seconds(60));
  sum.all_reduce_sum(numbers.values(), 2, numbers.stream());
  require(cudaStreamSynchronize(numbers.stream()));
  sum.abort();
  CHECK(numbers.back() == std::vector<float>{1, 2});
}
