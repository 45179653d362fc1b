// Everything that a step can be made of, in the order of a step.
#pragma once

#include "cuda/kernels/backward_ops.hpp"
#include "cuda/kernels/end_ops.hpp"
#include "cuda/kernels/forward_ops.hpp"

#include <variant>
#include <vector>

namespace millrace::cuda {

using Op =
    std::variant<Decode, Matmul, BiasActivate, Dropout, DropoutBackward, ActivationBackward, FinishRow, ColumnSums,
                 SumRows, SumWeights, WriteFlags, AllReduce, RecordTimestamp, CheckFinite, Update, FinishStep, ToBf16>;
using Ops = std::vector<Op>;

}  // namespace millrace::cuda
