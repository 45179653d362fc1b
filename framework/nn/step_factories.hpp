// Training and evaluation steps by device kind. nn/cpu and cuda register theirs; nobody else knows which exist.
#pragma once

#include <millrace/detail/export.hpp>
#include <millrace/model.hpp>

#include <memory>
#include <string>

namespace millrace::nn {

/// What make_evaluation_step is given besides the device.
struct EvaluationSpec {
  std::shared_ptr<const ModelSpec> model;
  Loss loss = Loss::categorical_crossentropy;
  TensorSpec inputs, targets;
  std::int64_t max_batch_rows = 0;
  Precision precision = Precision::float32;
};

/// The steps of one kind of device. The byte counts are pure arithmetic.
struct StepFactory {
  std::unique_ptr<TrainStep> (*make_train)(Device&, const TrainSpec&) = nullptr;
  std::unique_ptr<EvaluationStep> (*make_evaluation)(Device&, const EvaluationSpec&) = nullptr;
  std::size_t (*train_bytes)(const TrainSpec&) = nullptr;
  std::size_t (*evaluation_bytes)(const ModelSpec&, std::int64_t max_batch_rows, Precision) = nullptr;
  /// Why the training step cannot reduce gradients as the spec asks; empty when it can. Null: it can do nothing of the kind.
  std::string (*why_no_reduction)(const TrainSpec&) = nullptr;
};

/// Before the first step is made: when the shared object that holds the factory is opened. Replaces an earlier one.
MILLRACE_EXPORT void register_step_factory(const std::string& device_kind, StepFactory factory);

}  // namespace millrace::nn
