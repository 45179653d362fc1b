// The evaluation step on a GPU.
#pragma once

#include "nn/step_factories.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace millrace::cuda {

std::unique_ptr<EvaluationStep> make_cuda_evaluation_step(Device& device, const nn::EvaluationSpec& spec);
std::size_t cuda_evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, Precision precision);

}  // namespace millrace::cuda
