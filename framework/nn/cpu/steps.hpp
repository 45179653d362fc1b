// The steps of the CPU, as its factory hands them out.
#pragma once

#include "../step_factories.hpp"

#include <cstddef>
#include <memory>

namespace millrace::cpu {

std::unique_ptr<TrainStep> make_cpu_train_step(Device& device, const TrainSpec& spec);
std::unique_ptr<EvaluationStep> make_cpu_evaluation_step(Device& device, const nn::EvaluationSpec& spec);
std::size_t cpu_train_step_bytes(const TrainSpec& spec);
/// Several ranks, or `reduction: ordered`: the step of ranked_step.cpp.
bool is_ranked(const TrainSpec& spec);
std::unique_ptr<TrainStep> make_ranked_train_step(Device& device, const TrainSpec& spec);
std::size_t ranked_train_step_bytes(const TrainSpec& spec);
std::size_t cpu_evaluation_step_bytes(const ModelSpec& model, std::int64_t max_batch_rows, Precision);

}  // namespace millrace::cpu
