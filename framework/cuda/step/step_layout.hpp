// What a step keeps in the GPU's memory, and where: decided on the host before anything runs. Pure: no CUDA call.
#pragma once

#include "cuda/kernels/step_ops.hpp"
#include "nn/step_factories.hpp"

#include <millrace/model.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::cuda {

/// Widths are padded to this, so that every row starts at 32 bytes also in bf16.
inline constexpr std::int64_t kPadding = 16;
inline std::int64_t padded(std::int64_t width) { return (width + kPadding - 1) / kPadding * kPadding; }

/// cuBLASLt's recommendation for Hopper; one for each stream that multiplies at the same time. Evaluation steps share one.
inline constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

/// Where a dense layer's weights lie in the padded flat buffer, in floats. Kernel [padded(inputs), padded(outputs)].
struct PaddedLayer {
  std::size_t layer = 0;  ///< index of the layer in the model
  std::int64_t inputs = 0, outputs = 0, stride = 0;
  std::int64_t kernel = 0, bias = -1;  ///< bias: -1 when there is none
};

/// The flat buffer of weights as the GPU holds it: every tensor starts at 256 bytes, rows at 64.
class PaddedWeights {
 public:
  explicit PaddedWeights(const ModelSpec& model);
  std::int64_t size() const { return size_; }  ///< size in floats
  const std::vector<PaddedLayer>& layers() const { return layers_; }
  const PaddedLayer& of(std::size_t layer) const;
  /// Between the model's flat order and the padded one; what is padding becomes 0. Sizes must fit.
  void spread(std::span<const float> flat, std::span<float> padded) const;
  void compact(std::span<const float> padded, std::span<float> flat) const;

 private:
  const ModelSpec* model_;
  std::vector<PaddedLayer> layers_;
  std::int64_t size_ = 0;
};

/// What decides a step's memory and work.
struct StepDemand {
  std::shared_ptr<const ModelSpec> model;
  std::int64_t rows = 0;
  std::size_t input_row_bytes = 0, target_row_bytes = 0;  ///< bytes of a row as stored
  std::size_t state_slots = 0;                            ///< values of the optimizer beside each weight
  double clip_norm = 0;
  std::uint64_t seed = 0;
  Loss loss = Loss::mse;
  Precision precision = Precision::float32;
  bool training = false;
  bool weighted = false;      ///< room for a weight a row
  bool sums_ranks = false;    ///< the gradient is summed over several ranks
  bool sums_weights = false;  ///< the gradient is clipped or a layer has an L2 penalty
  nn::UpdateRule rule{};
};
StepDemand demand_of(const TrainSpec& spec);
/// An evaluation step may be given tensors of any type: it has room for the widest. Its workspace is not its own.
StepDemand demand_of(const ModelSpec& model, std::int64_t rows, Precision precision);

/// Offsets in bytes into the one block of memory of a step; 0 for what a layer does not have.
struct StepLayout {
  explicit StepLayout(const StepDemand& demand);

  struct Layer {
    std::size_t output = 0, output16 = 0, mask = 0, delta = 0, delta16 = 0, chunk_sums = 0;
    std::int64_t stride = 0;
  };
  PaddedWeights padded_weights;
  std::size_t raw_inputs = 0, raw_targets = 0, ids = 0;
  std::size_t inputs = 0, inputs16 = 0, targets = 0, row_weights = 0, results = 0, row_sums = 0, partials = 0,
              verdicts = 0, state = 0;
  std::size_t weights = 0, weights16 = 0, gradient = 0, workspace = 0, side_workspace = 0;
  std::vector<std::size_t> optimizer;
  std::vector<Layer> layers;
  std::int64_t input_stride = 0;
  std::size_t bytes = 0;
};

}  // namespace millrace::cuda
