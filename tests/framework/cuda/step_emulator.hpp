// Does the work of a step on the host: elementwise work by the very functions that the kernels call, sums and products as
// plainly as their contracts say. What it cannot show is what only a GPU has: launches, races and cuBLASLt itself.
#pragma once

#include "cuda/step/step_plan.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

namespace millrace::cuda_test {

using namespace millrace::cuda;

class Emulator {
 public:
  void run(const Ops& ops) {
    for (const Op& op : ops) std::visit(*this, op);
  }

  template <class Elementwise>
  void operator()(const Elementwise& op) {
    for (std::int64_t i = 0; i < op.count(); ++i) op(i);
  }

  void operator()(const ColumnSums& op) {
    for (std::int64_t chunk = 0; chunk < op.chunks(); ++chunk)
      for (std::int64_t j = 0; j < op.width; ++j) {
        double sum = 0;
        for (std::int64_t row = chunk * op.chunk_rows; row < std::min(op.rows, (chunk + 1) * op.chunk_rows); ++row)
          sum += static_cast<double>(op.values[row * op.stride + j]);
        op.out[chunk * op.stride + j] = static_cast<float>(sum);
      }
  }

  void operator()(const SumRows& op) {
    BatchSums batch;
    batch.samples = static_cast<double>(op.state->input.rows);
    for (std::int64_t row = 0; row < op.state->input.rows; ++row) nn::add_row(op.results[row], batch);
    *op.out = batch;
  }

  void operator()(const CheckFinite& op) {
    bool fine = op.state->diverged_step == 0;
    for (std::int64_t i = 0; i < op.elements / kFour; ++i) fine = fine && op.has_finite_gradient(i);
    for (std::int64_t row = 0; row < op.results_to_see(); ++row) fine = fine && op.has_finite_loss(row);
    std::fill_n(op.verdicts, CheckFinite::kBlocks, 0U);
    op.verdicts[CheckFinite::kBlocks / 2] = fine ? 0 : 1;
  }

  void operator()(const SumWeights& op) {
    for (int block = 0; block < SumWeights::kBlocks; ++block) op.partials[block] = {};
    for (std::int64_t i = 0; i < op.elements; ++i) {
      WeightSums& partial = op.partials[i % SumWeights::kBlocks];
      const WeightSums one = op.at(i);
      partial.penalty += one.penalty;
      partial.gradient_squares += one.gradient_squares;
    }
  }

  void operator()(const FinishStep& op) {
    WeightSums sums;
    for (std::int64_t i = 0; i < op.partial_count; ++i) {
      sums.penalty += op.partials[i].penalty;
      sums.gradient_squares += op.partials[i].gradient_squares;
    }
    bool fine = true;
    for (int i = 0; op.verdicts != nullptr && i < CheckFinite::kBlocks; ++i) fine = fine && op.verdicts[i] == 0;
    op.finish(sums, fine);
  }

  void operator()(const WriteFlags& op) {
    bool all_finite = true;
    for (std::int64_t row = 0; row < op.state->input.rows; ++row) all_finite = all_finite && op.is_finite(row);
    op.set(all_finite);
  }

  /// Several emulated ranks are in step, and their test adds up.
  void operator()(const AllReduce&) {}

  /// The moments are a microsecond apart.
  void operator()(const RecordTimestamp& op) { op.record(1000 * (1 + static_cast<std::uint64_t>(op.moment))); }

  /// Column-major, as BLAS: A is m x k, B is k x n, D is m x n; the epilogues as cublasLt.h describes them.
  void operator()(const Matmul& op) {
    ++products;
    if (op.epilogue != Matmul::Epilogue::none) ++fused;
    for (std::int64_t j = 0; j < op.n; ++j)
      for (std::int64_t i = 0; i < op.m; ++i) {
        double sum = 0;
        for (std::int64_t l = 0; l < op.k; ++l)
          sum += element(op, op.a, op.transpose_a ? l + i * op.lda : i + l * op.lda) *
                 element(op, op.b, op.transpose_b ? j + l * op.ldb : l + j * op.ldb);
        op.d[i + j * op.ldd] = finish(op, i, static_cast<float>(sum));
      }
  }

  int products = 0, fused = 0;

 private:
  static double element(const Matmul& op, const void* matrix, std::int64_t i) {
    if (op.precision == Precision::bf16)
      return static_cast<double>(from_bfloat(static_cast<const std::uint16_t*>(matrix)[i]));
    return static_cast<double>(static_cast<const float*>(matrix)[i]);
  }

  static float finish(const Matmul& op, std::int64_t i, float z) {
    if (op.epilogue == Matmul::Epilogue::none) return z;
    z += op.bias[i];
    if (op.epilogue == Matmul::Epilogue::relu_bias)
      return z > 0 ? z : 0.0F;  // unlike nn::Relu::value, the library makes 0 of a NaN
    return z;
  }
};

/// The memory of a step on the host, without the workspace that only cuBLASLt uses; filled with a pattern beyond it, so that
/// a write past the end shows.
class EmulatedMemory {
 public:
  explicit EmulatedMemory(const StepDemand& demand) : layout(demand), bytes_(layout.workspace + kGuard, std::byte{0}) {
    std::fill(bytes_.begin() + static_cast<std::ptrdiff_t>(layout.workspace), bytes_.end(), kPattern);
  }
  std::byte* base() { return bytes_.data(); }
  template <class T>
  T* at(std::size_t offset) {
    return reinterpret_cast<T*>(base() + offset);
  }
  std::span<float> floats(std::size_t offset) {
    return {at<float>(offset), static_cast<std::size_t>(layout.padded_weights.size())};
  }
  StepState& state() { return *at<StepState>(layout.state); }
  bool guard_is_whole() const {
    return std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(layout.workspace), bytes_.end(),
                       [](std::byte b) { return b == kPattern; });
  }
  StepLayout layout;

 private:
  static constexpr std::size_t kGuard = 4096;
  static constexpr std::byte kPattern{0xA5};
  std::vector<std::byte> bytes_;
};

}  // namespace millrace::cuda_test
