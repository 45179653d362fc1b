// Kernels that add up. Every sum has one order, fixed by sizes alone, and nothing is added atomically: the same bits each time.
#include "cuda/kernels/gpu_timer.hpp"
#include "cuda/kernels/kernel_launch.hpp"
#include "cuda/kernels/launch.hpp"

namespace millrace::cuda {
namespace {

constexpr unsigned kThreads = 256, kCheckThreads = 512;
constexpr unsigned kColumns = 32, kGroups = 8;  // of a ColumnSums block

/// Sum over the threads of a block of kThreads, in all of them; `shared` holds kThreads values.
__device__ double block_sum(double value, double* shared) {
  shared[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
    __syncthreads();
  }
  const double sum = shared[0];
  __syncthreads();  // before the next sum overwrites it
  return sum;
}

__global__ void column_sums(const __grid_constant__ ColumnSums op) {
  __shared__ float sums[kGroups][kColumns];
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * kColumns + threadIdx.x;
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.y) * op.chunk_rows, after = first + op.chunk_rows;
  float sum = 0;
  if (column < op.width)
    for (std::int64_t row = first + threadIdx.y; row < op.rows && row < after; row += kGroups)
      sum += op.values[row * op.stride + column];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= op.width) return;
  for (unsigned group = 1; group < kGroups; ++group) sum += sums[group][threadIdx.x];
  op.out[blockIdx.y * op.stride + column] = sum;
}

template <class... Metrics>
__device__ void sum_over_block(nn::TypeList<Metrics...> /*metrics*/, BatchSums& rows, double* shared) {
  ((Metrics::in(rows) = block_sum(Metrics::in(rows), shared)), ...);
}

__global__ void sum_rows(const __grid_constant__ SumRows op) {
  __shared__ double shared[kThreads];
  BatchSums rows;
  for (std::int64_t row = threadIdx.x; row < op.state->input.rows; row += kThreads) nn::add_row(op.results[row], rows);
  rows.loss = block_sum(rows.loss, shared);
  sum_over_block(nn::RowMetrics(), rows, shared);
  rows.samples = static_cast<double>(op.state->input.rows);
  if (threadIdx.x == 0) *op.out = rows;
}

__global__ void check_finite(const __grid_constant__ CheckFinite op) {
  const std::int64_t first = static_cast<std::int64_t>(blockIdx.x) * kCheckThreads + threadIdx.x;
  const std::int64_t step = static_cast<std::int64_t>(CheckFinite::kBlocks) * kCheckThreads;
  bool fine = op.state->diverged_step == 0;
  for (std::int64_t i = first; i < op.elements / kFour; i += step) fine = fine && op.has_finite_gradient(i);
  for (std::int64_t row = first; row < op.results_to_see(); row += step) fine = fine && op.has_finite_loss(row);
  const int all_fine = __syncthreads_and(fine ? 1 : 0);
  if (threadIdx.x == 0) op.verdicts[blockIdx.x] = all_fine != 0 ? 0 : 1;
}

__global__ void sum_weights(const __grid_constant__ SumWeights op) {
  __shared__ double shared[kThreads];
  WeightSums mine;
  const std::int64_t step = static_cast<std::int64_t>(SumWeights::kBlocks) * kThreads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < op.elements; i += step) {
    const WeightSums one = op.at(i);
    mine.penalty += one.penalty;
    mine.gradient_squares += one.gradient_squares;
  }
  const double penalty = block_sum(mine.penalty, shared), squares = block_sum(mine.gradient_squares, shared);
  if (threadIdx.x == 0) op.partials[blockIdx.x] = {penalty, squares};
}

/// The host may look at any time: `writes` is odd while the rest changes.
__device__ void publish(StepState& state, ProgressPage* page) {
  volatile ProgressPage& to = *page;
  to.writes = ++state.page_writes;
  __threadfence_system();
  to.step = state.input.step;
  to.diverged_step = state.diverged_step;
  to.sums.loss = state.sums.loss;
  to.sums.penalty = state.sums.penalty;
  to.sums.samples = state.sums.samples;
  nn::for_each_type(nn::RowMetrics(), [&](auto tag) {
    using Metric = typename decltype(tag)::Type;
    Metric::in(to.sums) = Metric::in(state.sums);
  });
  to.waited = state.waited;
  to.flags[state.input.step % ProgressPage::kRemembered] = state.flags;
  __threadfence_system();
  to.writes = ++state.page_writes;
}

__global__ void write_flags(const __grid_constant__ WriteFlags op) {
  int all_finite = 1;
  for (std::int64_t row = threadIdx.x; row < op.state->input.rows; row += kThreads)
    if (!op.is_finite(row)) all_finite = 0;
  all_finite = __syncthreads_and(all_finite);
  if (threadIdx.x == 0) op.set(all_finite != 0);
}

__device__ WeightSums sum_of_partials(const FinishStep& op, double* shared) {
  WeightSums sums;
  for (std::int64_t i = threadIdx.x; i < op.partial_count; i += kThreads) {
    sums.penalty += op.partials[i].penalty;
    sums.gradient_squares += op.partials[i].gradient_squares;
  }
  return {block_sum(sums.penalty, shared), block_sum(sums.gradient_squares, shared)};
}

__global__ void finish_step(const __grid_constant__ FinishStep op) {
  __shared__ double shared[kThreads];
  const bool looks = op.verdicts != nullptr && threadIdx.x < CheckFinite::kBlocks;
  const int fine = __syncthreads_and(!looks || op.verdicts[threadIdx.x] == 0 ? 1 : 0);
  WeightSums weights;
  if (op.partial_count > 0) weights = sum_of_partials(op, shared);
  if (threadIdx.x != 0) return;
  op.finish(weights, fine != 0);
  if (op.progress != nullptr) publish(*op.state, op.progress);
}

__global__ void record_timestamp(const __grid_constant__ RecordTimestamp op) { op.record(gpu_nanoseconds()); }

__global__ void set_input(StepState* state, StepInput input) { state->input = input; }

}  // namespace

void launch(const ColumnSums& op, cudaStream_t stream) {
  const auto blocks = static_cast<unsigned>((op.width + kColumns - 1) / kColumns);
  const dim3 grid(blocks, static_cast<unsigned>(op.chunks()));
  launch_kernel("kernel ColumnSums", column_sums, grid, dim3(kColumns, kGroups), stream, op);
}

void launch(const SumWeights& op, cudaStream_t stream) {
  launch_kernel("kernel SumWeights", sum_weights, SumWeights::kBlocks, kThreads, stream, op);
}

void launch(const SumRows& op, cudaStream_t stream) {
  launch_kernel("kernel SumRows", sum_rows, 1, kThreads, stream, op);
}

void launch(const CheckFinite& op, cudaStream_t stream) {
  launch_kernel("kernel CheckFinite", check_finite, CheckFinite::kBlocks, kCheckThreads, stream, op);
}

void launch(const WriteFlags& op, cudaStream_t stream) {
  launch_kernel("kernel WriteFlags", write_flags, 1, kThreads, stream, op);
}

void launch(const FinishStep& op, cudaStream_t stream) {
  launch_kernel("kernel FinishStep", finish_step, 1, kThreads, stream, op);
}

void launch(const RecordTimestamp& op, cudaStream_t stream) {
  launch_kernel("kernel RecordTimestamp", record_timestamp, 1, 1, stream, op);
}

void launch_input(StepState* state, const StepInput& input, cudaStream_t stream) {
  launch_kernel("kernel StepInput", set_input, 1, 1, stream, state, input);
}

}  // namespace millrace::cuda
