// The steps of a card, as its factory hands them out.
#pragma once

#include "nn/step_factories.hpp"

#include <cstddef>
#include <memory>

namespace millrace::cuda {

std::unique_ptr<TrainStep> make_cuda_train_step(Device& device, const TrainSpec& spec);
std::unique_ptr<EvaluationStep> make_cuda_evaluation_step(Device& device, const nn::EvaluationSpec& spec);
std::size_t cuda_train_step_bytes(const TrainSpec& spec);
std::size_t cuda_evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, Precision precision);
nn::StepFactory step_factory();

}  // namespace millrace::cuda
