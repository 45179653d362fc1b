// The training step on a GPU.
#pragma once

#include <millrace/model.hpp>

#include <cstddef>
#include <memory>

namespace millrace::cuda {

std::unique_ptr<TrainStep> make_cuda_train_step(Device& device, const TrainSpec& spec);
std::size_t cuda_train_step_bytes(const TrainSpec& spec);

}  // namespace millrace::cuda
