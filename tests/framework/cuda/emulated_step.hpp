// A training step as CudaTrainStep drives it, with everything that it reads and writes, on the host.
#pragma once

#include "nn/optimizer.hpp"
#include "nn_run.hpp"
#include "step_emulator.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace millrace::cuda_test {

using namespace millrace::nn_test;

class EmulatedStep {
 public:
  EmulatedStep(const TrainSpec& spec, const CanFuse& can_fuse)
      : spec_(spec), optimizer_(spec.optimizer), demand_(demand_of(spec_)), memory_(demand_) {
    const BatchForm form{&spec_.inputs, &spec_.targets, spec_.weighted};
    ops_ = step_ops(demand_, memory_.layout, memory_.base(), form, can_fuse, nullptr);
    const std::vector<float> initial = initial_weights(*spec_.model, spec_.seed);
    memory_.layout.padded_weights.spread(initial, memory_.floats(memory_.layout.weights));
    const std::vector<float> starts = optimizer_.initial_state();
    for (std::size_t i = 0; i < starts.size(); ++i)
      memory_.layout.padded_weights.spread(std::vector<float>(initial.size(), starts[i]),
                                           memory_.floats(memory_.layout.optimizer[i]));
    if (spec_.precision == Precision::bf16) {
      Ops narrow{ToBf16{memory_.at<float>(memory_.layout.weights), memory_.at<std::uint16_t>(memory_.layout.weights16),
                        memory_.layout.padded_weights.size()}};
      emulator.run(narrow);
    }
  }

  /// Of a batch that lies elsewhere on the GPU, and is not copied.
  void train_in_place(const Batch& batch) {
    places_[0] = batch.inputs.bytes();
    places_[1] = batch.targets.bytes();
    places_[2] = batch.weights ? batch.weights.bytes() : nullptr;
    run(batch);
  }

  void train(const Batch& batch) {
    const auto bring = [&](const Tensor& tensor, std::size_t offset) {
      std::memcpy(memory_.base() + offset, tensor.bytes(), tensor.size_bytes());
    };
    bring(batch.inputs, memory_.layout.raw_inputs);
    bring(batch.targets, memory_.layout.raw_targets);
    if (batch.weights) bring(batch.weights, memory_.layout.row_weights);
    run(batch);
  }

  void run(const Batch& batch) {
    std::memcpy(memory_.base() + memory_.layout.ids, batch.ids.data(), batch.ids.size() * sizeof(std::uint64_t));
    ++steps_;
    memory_.state().input = {batch.inputs.rows(), steps_, batch.epoch, optimizer_.coefficients(steps_)};
    std::copy(std::begin(places_), std::end(places_), memory_.state().input.places);
    emulator.run(ops_);
  }

  BatchSums take_sums() { return std::exchange(memory_.state().sums, {}); }
  Doubles weights() {
    std::vector<float> flat(static_cast<std::size_t>(spec_.model->parameters()));
    memory_.layout.padded_weights.compact(memory_.floats(memory_.layout.weights), flat);
    return to_doubles(flat);
  }
  /// The largest value where only padding is.
  float padding() {
    const std::span<float> padded = memory_.floats(memory_.layout.weights);
    std::vector<float> flat(static_cast<std::size_t>(spec_.model->parameters())), again(padded.size());
    memory_.layout.padded_weights.compact(padded, flat);
    memory_.layout.padded_weights.spread(flat, again);
    float largest = 0;
    for (std::size_t i = 0; i < padded.size(); ++i) largest = std::max(largest, std::abs(padded[i] - again[i]));
    return largest;
  }
  bool wrote_past_the_end() const { return !memory_.guard_is_whole(); }
  StepState& state() { return memory_.state(); }
  Emulator emulator;

 private:
  TrainSpec spec_;
  nn::Optimizer optimizer_;
  StepDemand demand_;
  EmulatedMemory memory_;
  Ops ops_;
  std::uint64_t steps_ = 0;
  const std::byte* places_[kBatchParts] = {};
};

}  // namespace millrace::cuda_test
