// The training step on the CPU.
#pragma once

#include <millrace/model.hpp>

#include <cstddef>
#include <memory>

namespace millrace::cpu {

/// Any number of ranks, and `reduction: ordered` on one as well.
std::unique_ptr<TrainStep> make_cpu_train_step(Device& device, const TrainSpec& spec);
std::size_t cpu_train_step_bytes(const TrainSpec& spec);

}  // namespace millrace::cpu
