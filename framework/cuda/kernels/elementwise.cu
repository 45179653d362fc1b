// Kernels that are one function of an index: the functions are in forward_ops.hpp, backward_ops.hpp and end_ops.hpp.
#include "cuda/kernels/kernel_launch.hpp"
#include "cuda/kernels/launch.hpp"

namespace millrace::cuda {
namespace {

template <class Op>
__global__ void each(const __grid_constant__ Op op, std::int64_t count) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) op(i);
}

template <class Op>
void launch_each(const Op& op, unsigned threads, cudaStream_t stream, const char* name) {
  const std::int64_t count = op.count();
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>((count + threads - 1) / threads);  // a grid holds 2^31 blocks
  launch_kernel(name, each<Op>, blocks, threads, stream, op, count);
}

// A job a row of the grid; its blocks take turns at what is more than they are.
__global__ void gather_rows(const __grid_constant__ GatherRows op) {
  const std::int64_t job = blockIdx.y, stride = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < op.jobs[job].units;
       i += stride)
    op(job, i);
}

// A row of a width that is known when this is compiled stays in registers: its values are read and written some ten times.
template <std::int64_t kWidth>
__global__ void finish_rows(const __grid_constant__ FinishRow op) {
  float z[kWidth], d[kWidth];
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (row < op.rows) op.finish(row, z, d, kWidth);
}

// Everything is read before the answer is there whether to do anything.
__global__ void update(const __grid_constant__ Update op, std::int64_t count) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  Update::Values values{};
  if (i < count) values = op.load(i);
  const bool allows = threadIdx.x >= CheckFinite::kBlocks || op.allows(threadIdx.x);
  if (__syncthreads_and(allows ? 1 : 0) != 0 && i < count) op.store(i, values);
}

constexpr unsigned kThreads = 256;
// A row is one thread's work, so small blocks spread few rows over many multiprocessors.
constexpr unsigned kRowThreads = 32;
constexpr std::int64_t kMostKept = 16;  // values of a row that a thread keeps to itself

/// The kernel for rows of `width` values, up to kMostKept.
template <std::int64_t kWidth = 1>
auto finish_rows_of(std::int64_t width) {
  if constexpr (kWidth < kMostKept)
    if (width != kWidth) return finish_rows_of<kWidth + 1>(width);
  return finish_rows<kWidth>;
}
constexpr std::int64_t kMostGatherBlocks = 1024;

}  // namespace

void launch(const Decode& op, cudaStream_t s) { launch_each(op, kThreads, s, "kernel Decode"); }
void launch(const BiasActivate& op, cudaStream_t s) { launch_each(op, kThreads, s, "kernel BiasActivate"); }
void launch(const Dropout& op, cudaStream_t s) { launch_each(op, kThreads, s, "kernel Dropout"); }
void launch(const DropoutBackward& op, cudaStream_t s) { launch_each(op, kThreads, s, "kernel DropoutBackward"); }
void launch(const ActivationBackward& op, cudaStream_t s) { launch_each(op, kThreads, s, "kernel ActivationBackward"); }
void launch(const FinishRow& op, cudaStream_t s) {
  if (op.width > kMostKept) return launch_each(op, kRowThreads, s, "kernel FinishRow of wide rows");
  const auto blocks = static_cast<unsigned>((op.rows + kRowThreads - 1) / kRowThreads);
  launch_kernel("kernel FinishRow", finish_rows_of(op.width), blocks, kRowThreads, s, op);
}
void launch(const Update& op, cudaStream_t s) {
  const std::int64_t count = op.count();
  launch_kernel("kernel Update", update, static_cast<unsigned>((count + kThreads - 1) / kThreads), kThreads, s, op,
                count);
}
void launch(const ToBf16& op, cudaStream_t s) { launch_each(op, kThreads, s, "kernel ToBf16"); }

void launch(const GatherRows& op, cudaStream_t s) {
  if (op.count == 0) return;
  const std::int64_t wanted = (op.most_units() + kThreads - 1) / kThreads;
  const dim3 grid(static_cast<unsigned>(wanted < kMostGatherBlocks ? wanted : kMostGatherBlocks),
                  static_cast<unsigned>(op.count));
  launch_kernel("kernel GatherRows", gather_rows, grid, kThreads, s, op);
}

}  // namespace millrace::cuda
