// Which work a step does, decided on the host before anything runs. Pure: no CUDA call.
#pragma once

#include "cuda/step/step_layout.hpp"
#include "cuda/step/step_order.hpp"

#include <cstddef>
#include <functional>

namespace millrace::cuda {

/// Specs of the tensors of a batch; `targets` is null when only predicting.
struct BatchForm {
  const TensorSpec* inputs = nullptr;
  const TensorSpec* targets = nullptr;
  bool weighted = false;
};

/// Whether a product can be done with its epilogue; without, separate kernels do what the epilogue would.
using CanFuse = std::function<bool(const Matmul&)>;

/// The work of a step whose memory starts at `base`, in order. Forward, loss and metrics; when training also backward and
/// update. `progress` may be null.
Ops step_ops(const StepDemand& demand, const StepLayout& layout, std::byte* base, const BatchForm& form,
             const CanFuse& can_fuse, ProgressPage* progress);

/// The flat gradient of a step whose memory starts at `base`, with the flags behind it.
Access gradient_of(const StepLayout& layout, std::byte* base);

}  // namespace millrace::cuda
