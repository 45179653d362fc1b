// Puts the work of a step on a stream; nothing here waits. Each call checks that the launch was accepted.
#pragma once

#include "cuda/kernels/row_gather.hpp"
#include "cuda/kernels/step_ops.hpp"

#include <cuda_runtime_api.h>

namespace millrace::cuda {

void launch(const Decode& op, cudaStream_t stream);
void launch(const BiasActivate& op, cudaStream_t stream);
void launch(const Dropout& op, cudaStream_t stream);
void launch(const DropoutBackward& op, cudaStream_t stream);
void launch(const ActivationBackward& op, cudaStream_t stream);
void launch(const FinishRow& op, cudaStream_t stream);
void launch(const Update& op, cudaStream_t stream);
void launch(const ToBf16& op, cudaStream_t stream);
void launch(const ColumnSums& op, cudaStream_t stream);
void launch(const SumRows& op, cudaStream_t stream);
void launch(const SumWeights& op, cudaStream_t stream);
void launch(const CheckFinite& op, cudaStream_t stream);
void launch(const WriteFlags& op, cudaStream_t stream);
void launch(const RecordTimestamp& op, cudaStream_t stream);
void launch(const FinishStep& op, cudaStream_t stream);
void launch(const GatherRows& op, cudaStream_t stream);

/// state->input = input. The values travel as a kernel's arguments, so nothing of the host's has to stay alive.
void launch_input(StepState* state, const StepInput& input, cudaStream_t stream);

}  // namespace millrace::cuda
