// Files of models that say how they are used.
#pragma once

#include "checkpoint_fixture.hpp"

#include <millrace/files/model_use.hpp>
#include <millrace/files/model_weights.hpp>

#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace millrace::testing {

inline ModelUse use_of(std::shared_ptr<const ModelSpec> model, RowPreparation rows) {
  ModelUse use;
  use.model = std::move(model);
  use.batch_rows = 4;
  use.rows = std::move(rows);
  return use;
}

/// Rows of two bytes, each x * 0.5 - 1.
inline RowPreparation halved_bytes() {
  return {DType::u8, {1, 2}, {{RowOp::convert, DType::f32, 0}, {RowOp::multiply, {}, 0.5}, {RowOp::subtract, {}, 1}}};
}

inline std::string write_used(const std::string& path, const ModelUse& use,
                              const CheckpointPosition& at = {1, 0, 0, true}) {
  Checkpoint checkpoint{at, {trainer_state("learn", use.model, {})}};
  checkpoint.metadata = {{model_use_key("learn"), model_use_text(use)}};
  write_checkpoint(path, checkpoint);
  return path;
}

/// As `export --format safetensors` writes it; weights 1, 2, ...
inline std::string exported_text(const ModelUse& use, SafetensorsMetadata metadata = {}) {
  const ModelSnapshot model(use.model, use.loss, 2, counting(static_cast<std::size_t>(use.model->parameters()), 1));
  std::deque<std::vector<std::byte>> owned;
  std::vector<SafetensorsTensor> tensors;
  for_each_weight(model, [&](const SafetensorsTensor& tensor) {
    owned.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
    tensors.push_back({tensor.name, tensor.type, tensor.shape, owned.back()});
  });
  metadata.insert({{"node", "learn"},
                   {"epoch", "2"},
                   {"weights_sha256", model.weights_sha256()},
                   {model_use_key("learn"), model_use_text(use)}});
  return safetensors_text(tensors, metadata);
}

/// What small_model() with weights 1, 2, ... makes of inputs.
inline float small_output(float a, float b) {
  float sum = 0;
  for (int j = 0; j < 3; ++j) {
    const float hidden = a * static_cast<float>(1 + j) + b * static_cast<float>(4 + j) + static_cast<float>(7 + j);
    sum += std::max(hidden, 0.0F) * static_cast<float>(10 + j);
  }
  return sum;
}

}  // namespace millrace::testing
