// What changes from step to step, in the GPU's memory, so that one captured graph serves every step; and what the host reads
// while the GPU works.
#pragma once

#include "nn/optimizers.hpp"

#include <millrace/detail/batch_sums.hpp>

#include <cstddef>
#include <cstdint>

namespace millrace::cuda {

/// The tensors of a batch.
enum class BatchPart : std::uint8_t { inputs, targets, weights };
inline constexpr std::size_t kBatchParts = 3;

/// What the host says about a step.
struct StepInput {
  std::int64_t rows = 0;   ///< rows of this batch; the rest of the buffers' rows count for nothing
  std::uint64_t step = 0;  ///< the step's number, from 1
  std::uint32_t epoch = 0;
  nn::Coefficients coefficients;
  std::int64_t mean_rows = 0;                 ///< rows over all ranks, of which the loss is the mean; 0: `rows`
  std::uint32_t requested_stops = 0;          ///< bit i: this rank was asked to stop by kStopSignals[i]
  const std::byte* places[kBatchParts] = {};  ///< where parts lie on the GPU; null: in the step's own memory
};

/// Sums over all weights of one batch.
struct WeightSums {
  double penalty = 0, gradient_squares = 0;
};

/// On the GPU's own clock: when a stream had no more gradients to find. One for each of two streams.
struct ReadyTimes {
  std::uint64_t chain = 0, weights = 0;
};

struct StepState {
  StepInput input;
  BatchSums sums;     ///< since they were last taken, in batch order
  double waited = 0;  ///< and seconds with nothing left to compute before the ranks' gradients were summed
  std::uint64_t diverged_step = 0;  ///< the first step whose loss or gradient was not finite; 0: none. No update since.
  float gradient_factor = 1;        ///< of this step: below 1 when the gradient is clipped
  std::uint32_t flags = 0;          ///< of this step: nn::bits_of_flags over all ranks
  std::uint64_t page_writes = 0;    ///< ProgressPage::writes, kept here because reading it would cross the bus
  ReadyTimes ready;                 ///< when the chain and the weights of this step were ready
};

/// In mapped host memory. Written by the GPU: `writes` is odd while the rest changes.
struct ProgressPage {
  std::uint64_t writes = 0;
  std::uint64_t step = 0, diverged_step = 0;
  BatchSums sums;
  double waited = 0;
  static constexpr std::uint64_t kRemembered = 64;  ///< steps
  std::uint32_t flags[kRemembered] = {};            ///< StepState::flags of step s at s % kRemembered
};

}  // namespace millrace::cuda
