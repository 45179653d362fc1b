// A bump allocator over offsets aligned to 256 bytes, one buffer after the other; weights are copied between their flat order and rows that
// are padded with zeros.
#include "cuda/step/step_layout.hpp"

#include "nn/optimizer.hpp"

#include <algorithm>

namespace millrace::cuda {
namespace {

constexpr std::size_t kAlignment = 256;

/// Hands out offsets into a block of memory.
class Cutter {
 public:
  std::size_t take(std::int64_t count, std::size_t size) {
    const std::size_t offset = bytes_;
    bytes_ += (static_cast<std::size_t>(count) * size + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

std::int64_t aligned_floats(std::int64_t count) {
  constexpr std::int64_t kStep = kAlignment / sizeof(float);
  return (count + kStep - 1) / kStep * kStep;
}

bool has_penalty(const ModelSpec& model) {
  return std::any_of(model.layers.begin(), model.layers.end(), [](const LayerSpec& l) { return l.l2 > 0; });
}

}  // namespace

PaddedWeights::PaddedWeights(const ModelSpec& model) : model_(&model) {
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const LayerSpec& layer = model.layers[i];
    if (layer.kind != LayerKind::dense) continue;
    PaddedLayer place{i, layer.inputs, layer.outputs, padded(layer.outputs), size_, -1};
    size_ += aligned_floats(padded(layer.inputs) * place.stride);
    if (layer.use_bias) {
      place.bias = size_;
      size_ += aligned_floats(place.stride);
    }
    layers_.push_back(place);
  }
}

const PaddedLayer& PaddedWeights::of(std::size_t layer) const {
  return *std::find_if(layers_.begin(), layers_.end(), [&](const PaddedLayer& l) { return l.layer == layer; });
}

void PaddedWeights::spread(std::span<const float> flat, std::span<float> to) const {
  std::fill(to.begin(), to.end(), 0.0F);
  for (const PaddedLayer& l : layers_) {
    const LayerSpec& layer = model_->layers[l.layer];
    for (std::int64_t row = 0; row < l.inputs; ++row)
      std::copy_n(flat.data() + layer.kernel_offset + row * l.outputs, l.outputs,
                  to.data() + l.kernel + row * l.stride);
    if (l.bias >= 0) std::copy_n(flat.data() + layer.bias_offset, l.outputs, to.data() + l.bias);
  }
}

void PaddedWeights::compact(std::span<const float> from, std::span<float> flat) const {
  for (const PaddedLayer& l : layers_) {
    const LayerSpec& layer = model_->layers[l.layer];
    for (std::int64_t row = 0; row < l.inputs; ++row)
      std::copy_n(from.data() + l.kernel + row * l.stride, l.outputs,
                  flat.data() + layer.kernel_offset + row * l.outputs);
    if (l.bias >= 0) std::copy_n(from.data() + l.bias, l.outputs, flat.data() + layer.bias_offset);
  }
}

StepDemand demand_of(const TrainSpec& spec) {
  const nn::Optimizer optimizer(spec.optimizer);
  StepDemand demand;
  demand.model = spec.model;
  demand.loss = spec.loss;
  demand.rows = spec.max_batch_rows;
  demand.training = true;
  demand.input_row_bytes = spec.inputs.stored_row_bytes();
  demand.target_row_bytes = spec.targets.stored_row_bytes();
  demand.weighted = spec.weighted;
  demand.precision = spec.precision;
  demand.state_slots = optimizer.initial_state().size();
  demand.clip_norm = optimizer.clip_norm();
  demand.sums_ranks = spec.communicator != nullptr && spec.communicator->size() > 1;
  demand.sums_weights = demand.clip_norm > 0 || has_penalty(*spec.model);
  demand.seed = spec.seed;
  demand.rule = optimizer.rule();
  return demand;
}

StepDemand demand_of(const ModelSpec& model, std::int64_t rows, Precision precision) {
  StepDemand demand;
  demand.model = {std::shared_ptr<const void>(), &model};
  demand.rows = rows;
  demand.input_row_bytes = sizeof(double) * static_cast<std::size_t>(model.inputs);
  demand.target_row_bytes = sizeof(double) * static_cast<std::size_t>(model.outputs());
  demand.weighted = true;
  demand.precision = precision;
  return demand;
}

StepLayout::StepLayout(const StepDemand& demand) : padded_weights(*demand.model) {
  const ModelSpec& model = *demand.model;
  const bool has_bf16 = demand.precision == Precision::bf16;
  const std::int64_t rows = demand.rows, floats = padded_weights.size();
  Cutter cutter;
  const auto matrix = [&](std::int64_t stride) { return cutter.take(rows * stride, sizeof(float)); };
  const auto matrix16 = [&](std::int64_t stride) { return has_bf16 ? cutter.take(rows * stride, 2) : 0; };
  state = cutter.take(1, sizeof(StepState));
  raw_inputs = cutter.take(rows, demand.input_row_bytes);
  raw_targets = cutter.take(rows, demand.target_row_bytes);
  if (demand.weighted) row_weights = cutter.take(rows, sizeof(float));
  ids = cutter.take(rows, sizeof(std::uint64_t));
  input_stride = padded(model.inputs);
  inputs = matrix(input_stride);
  inputs16 = matrix16(input_stride);
  targets = matrix(padded(model.outputs()));
  results = cutter.take(rows, sizeof(nn::RowResult));
  const auto tensors = static_cast<std::int64_t>(2 * padded_weights.layers().size());
  row_sums = cutter.take(1, sizeof(BatchSums));
  if (demand.sums_weights) partials = cutter.take(tensors * SumWeights::kBlocks, sizeof(WeightSums));
  if (demand.training) verdicts = cutter.take(CheckFinite::kBlocks, sizeof(std::uint32_t));
  weights = cutter.take(floats, sizeof(float));
  if (has_bf16) weights16 = cutter.take(floats, 2);
  if (demand.training) gradient = cutter.take(floats + static_cast<std::int64_t>(nn::kFlags), sizeof(float));
  for (std::size_t i = 0; i < demand.state_slots; ++i) optimizer.push_back(cutter.take(floats, sizeof(float)));
  for (const LayerSpec& spec : model.layers) {
    Layer layer;
    const bool dense = spec.kind == LayerKind::dense;
    layer.stride = padded(spec.outputs);
    if (dense || demand.training) {
      layer.output = matrix(layer.stride);
      layer.output16 = matrix16(layer.stride);
    }
    if (!dense && demand.training) layer.mask = cutter.take(rows * layer.stride, 1);
    if (dense && demand.training) {
      layer.delta = matrix(layer.stride);
      layer.delta16 = matrix16(layer.stride);
      layer.chunk_sums = cutter.take((rows / ColumnSums::kChunkRows + 1) * layer.stride, sizeof(float));
    }
    layers.push_back(layer);
  }
  workspace = cutter.take(demand.training ? 1 : 0, kWorkspaceBytes);
  if (demand.training) side_workspace = cutter.take(1, kWorkspaceBytes);
  bytes = cutter.bytes();
}

}  // namespace millrace::cuda
