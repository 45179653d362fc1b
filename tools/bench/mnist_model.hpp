// The model that benchmarks of the training step train: dense layers of 784-512-512-10, relu and softmax.
#pragma once

#include <millrace/model.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace millrace::bench {

inline LayerSpec dense(std::int64_t inputs, std::int64_t outputs, Activation activation, std::int64_t offset) {
  LayerSpec layer;
  layer.inputs = inputs;
  layer.outputs = outputs;
  layer.activation = activation;
  layer.kernel_initializer = ParamValue::Map{{"glorot_uniform", ParamValue(ParamValue::Map{})}};
  layer.bias_initializer = ParamValue::Map{{"zeros", ParamValue(ParamValue::Map{})}};
  layer.kernel_offset = offset;
  layer.bias_offset = offset + inputs * outputs;
  return layer;
}

/// 784-512-512-10.
inline std::shared_ptr<const ModelSpec> mnist_model() {
  ModelSpec model;
  model.inputs = 784;
  model.layers.push_back(dense(784, 512, Activation::relu, 0));
  model.layers.push_back(dense(512, 512, Activation::relu, model.parameters()));
  model.layers.push_back(dense(512, 10, Activation::softmax, model.parameters()));
  return std::make_shared<const ModelSpec>(std::move(model));
}

}  // namespace millrace::bench
