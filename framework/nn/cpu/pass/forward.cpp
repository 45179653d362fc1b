// Forward: one shard of rows at a time through all layers, so that activations stay in the cache.
#include "forward.hpp"

#include "nn/cpu/kernels/elementwise.hpp"

#include <millrace/error.hpp>

#include <algorithm>
#include <string>

namespace millrace::cpu {
namespace {

void require(bool holds, const char* name, const std::string& message) {
  if (!holds) throw Error(ErrorKind::run, name, message);
}

void require_width(const Tensor& tensor, std::int64_t width, const char* what) {
  const std::int64_t found = elements_of(tensor.spec().row_shape);
  require(
      found == width, "shape-mismatch",
      std::string(what) + " have " + std::to_string(found) + " values a row, the model has " + std::to_string(width));
}

}  // namespace

bool is_dense_f32(const TensorSpec& spec) {
  return spec.encoding.kind == EncodingKind::dense && spec.dtype == DType::f32;
}

bool needs_decoding_as_target(const TensorSpec& spec) {
  return !is_dense_f32(spec) && spec.encoding.kind != EncodingKind::indicator;
}

ForwardLayout::ForwardLayout(const ModelSpec& model, const ForwardNeeds& needs, ScratchLayout& scratch) {
  if (needs.decodes_inputs) inputs = scratch.floats(needs.rows * model.inputs);
  if (needs.decodes_targets) targets = scratch.floats(needs.rows * model.outputs());
  results = scratch.take(needs.rows, sizeof(nn::RowResult));
  for (const LayerSpec& layer : model.layers) {
    const bool masked = layer.kind == LayerKind::dropout && needs.training;
    const bool own_output = layer.kind == LayerKind::dense || masked;
    outputs.push_back(own_output ? scratch.floats(needs.rows * layer.outputs) : 0);
    masks.push_back(masked ? scratch.take(needs.rows * layer.outputs, 1) : 0);
  }
}

Forward::Forward(const ModelSpec& model, Loss loss, const ForwardLayout& layout, const ForwardNeeds& needs,
                 const Scratch& scratch, std::uint64_t seed)
    : model_(model),
      loss_(loss),
      needs_(needs),
      decoded_inputs_(scratch.at<float>(layout.inputs)),
      decoded_targets_(scratch.at<float>(layout.targets)),
      results_(scratch.at<nn::RowResult>(layout.results)) {
  while (first_dense_ < model.layers.size() && model.layers[first_dense_].kind == LayerKind::dropout) ++first_dense_;
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    streams_.emplace_back(seed, "dropout/" + std::to_string(i));
    outputs_.push_back(scratch.at<float>(layout.outputs[i]));
    masks_.push_back(scratch.at<std::uint8_t>(layout.masks[i]));
  }
}

void Forward::check(const TrainBatch& batch) const {
  const std::int64_t rows = batch.inputs->rows();
  require(rows <= needs_.rows, "batch-too-large",
          "a batch has " + std::to_string(rows) + " rows, the step was made for " + std::to_string(needs_.rows));
  require_width(*batch.inputs, model_.inputs, "inputs");
  require(needs_.decodes_inputs || is_dense_f32(batch.inputs->spec()), "shape-mismatch",
          "inputs are " + batch.inputs->spec().describe() + ", the step was made for dense f32");
  if (needs_.training)
    require(
        batch.sample_ids.size() == static_cast<std::size_t>(rows), "shape-mismatch",
        "a batch of " + std::to_string(rows) + " rows has " + std::to_string(batch.sample_ids.size()) + " sample ids");
  for (const Tensor* tensor : {batch.targets, batch.weights})
    require(!tensor || tensor->rows() == rows, "shape-mismatch", "inputs, targets and weights differ in their rows");
  if (!batch.targets) return;
  require_width(*batch.targets, model_.outputs(), "targets");
  require(needs_.decodes_targets || !needs_decoding_as_target(batch.targets->spec()), "shape-mismatch",
          "targets are " + batch.targets->spec().describe() + ", the step was made for dense f32 or class ids");
}

void Forward::begin(const TrainBatch& batch, const float* weights) {
  check(batch);
  input_tensor_ = batch.inputs;
  target_tensor_ = batch.targets;
  weights_ = weights;
  ids_ = batch.sample_ids;
  epoch_ = batch.epoch;
  rows_ = batch.inputs->rows();
  inputs_ = is_dense_f32(batch.inputs->spec()) ? batch.inputs->stored<float>().data() : decoded_inputs_;
  row_weights_ = batch.weights ? batch.weights->f32().data() : nullptr;
  // Dropout does nothing outside training, so its output is what the layer before gave.
  for (std::size_t i = 0; i < model_.layers.size(); ++i)
    if (model_.layers[i].kind == LayerKind::dropout && !needs_.training) outputs_[i] = const_cast<float*>(input_of(i));
  if (target_tensor_) begin_targets(*target_tensor_);
}

void Forward::begin_targets(const Tensor& targets) {
  target_values_ = nullptr;
  target_bytes_ = nullptr;
  target_words_ = nullptr;
  const TensorSpec& spec = targets.spec();
  if (is_dense_f32(spec))
    target_values_ = targets.stored<float>().data();
  else if (needs_decoding_as_target(spec))
    target_values_ = decoded_targets_;
  else if (spec.stored_dtype() == DType::u8)
    target_bytes_ = targets.stored<std::uint8_t>().data();
  else
    target_words_ = targets.stored<std::int32_t>().data();
}

nn::TargetRow Forward::target(std::int64_t row) const {
  if (target_values_) return {target_values_ + row * model_.outputs(), -1};
  return {nullptr, target_bytes_ ? target_bytes_[row] : target_words_[row]};
}

void Forward::decode(Range rows) const {
  const auto rows_of = [&](const Tensor& tensor, float* out, std::int64_t width) {
    const TensorSpec& spec = tensor.spec();
    decode_f32(spec, tensor.bytes() + static_cast<std::size_t>(rows.first) * spec.stored_row_bytes(), rows.count,
               out + rows.first * width);
  };
  if (inputs_ == decoded_inputs_) rows_of(*input_tensor_, decoded_inputs_, model_.inputs);
  if (target_tensor_ && target_values_ == decoded_targets_)
    rows_of(*target_tensor_, decoded_targets_, model_.outputs());
}

void Forward::run_dense(std::size_t i, const Tile& tile) const {
  const LayerSpec& layer = model_.layers[i];
  run_dense(i, tile, layer.inputs, {input_of(i) + tile.rows.first * layer.inputs, layer.inputs},
            {weights_ + layer.kernel_offset + tile.columns.first, layer.outputs});
}

void Forward::run_dense(std::size_t i, const Tile& tile, std::int64_t depth, Matrix inputs, Matrix weights) const {
  const LayerSpec& layer = model_.layers[i];
  const auto [rows, columns] = tile;
  float* out = outputs_[i] + rows.first * layer.outputs + columns.first;
  multiply(rows.count, columns.count, depth, inputs, weights, {out, layer.outputs});
  const float* bias = layer.use_bias ? weights_ + layer.bias_offset + columns.first : nullptr;
  const bool last = i + 1 == model_.layers.size();  // whose activation belongs to the loss
  add_bias_and_activate(last ? Activation::linear : layer.activation, bias, rows.count, columns.count, layer.outputs,
                        out);
  run_dropouts(i + 1, tile);
}

void Forward::run_dropouts(std::size_t first, const Tile& tile) const {
  for (std::size_t i = first; i < model_.layers.size() && model_.layers[i].kind == LayerKind::dropout; ++i)
    if (needs_.training) run_dropout(i, tile);
}

// Columns of a tile begin at a multiple of 4, and so does a counter's block of random words.
void Forward::run_dropout(std::size_t i, const Tile& tile) const {
  const LayerSpec& layer = model_.layers[i];
  const float factor = math::dropout_scale(layer.rate);
  const std::int64_t end = tile.columns.first + tile.columns.count;
  for (std::int64_t row = tile.rows.first; row < tile.rows.first + tile.rows.count; ++row) {
    const float* in = input_of(i) + row * layer.outputs;
    float* out = outputs_[i] + row * layer.outputs;
    std::uint8_t* mask = masks_[i] + row * layer.outputs;
    for (std::int64_t j = tile.columns.first; j < end; j += 4) {
      const PhiloxCounter words =
          streams_[i].words(ids_[static_cast<std::size_t>(row)], epoch_, static_cast<std::uint32_t>(j / 4));
      for (std::int64_t k = 0; k < std::min<std::int64_t>(4, end - j); ++k)
        mask[j + k] = math::dropout_keeps(to_unit_float(words[static_cast<std::size_t>(k)]), layer.rate) ? 1 : 0;
    }
    for (std::int64_t j = tile.columns.first; j < end; ++j) out[j] = mask[j] ? in[j] * factor : 0.0F;
  }
}

void Forward::finish_row(std::int64_t row) const {
  const std::int64_t n = model_.outputs();
  const Activation activation = model_.layers.back().activation;
  float* out = outputs_.back() + row * n;
  if (!target_tensor_) return nn::apply_activation(activation, out, n);
  const nn::TargetRow y = target(row);
  const float loss = nn::finish_outputs(loss_, activation, out, n, y) * weight(row);
  results_[row] = nn::measure_row(loss, out, n, y);
}

void Forward::prepare(Range rows) const {
  decode(rows);
  run_dropouts(0, {rows, {0, model_.inputs}});
}

void Forward::run_tail(std::size_t tail, Range rows) const {
  for (std::size_t i = tail; i < model_.layers.size(); ++i)
    if (model_.layers[i].kind == LayerKind::dense) run_dense(i, {rows, {0, model_.layers[i].outputs}});
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) finish_row(row);
}

void Forward::run(Range rows) const {
  prepare(rows);
  run_tail(first_dense_, rows);
}

BatchSums Forward::sums(Range rows) const {
  BatchSums sums;
  for (std::int64_t row = rows.first; row < rows.first + rows.count; ++row) nn::add_row(results_[row], sums);
  sums.samples = static_cast<double>(rows.count);
  return sums;
}

}  // namespace millrace::cpu
