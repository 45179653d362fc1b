// The evaluation step on the CPU.
#pragma once

#include "nn/step_factories.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace millrace::cpu {

std::unique_ptr<EvaluationStep> make_cpu_evaluation_step(Device& device, const nn::EvaluationSpec& spec);
std::size_t cpu_evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, Precision);

}  // namespace millrace::cpu
