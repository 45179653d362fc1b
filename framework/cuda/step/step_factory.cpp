// The functions that make a step and those that tell its memory beforehand, in the order of nn::StepFactory's members.
#include "cuda/step/step_factory.hpp"

#include "cuda/step/evaluation_step.hpp"
#include "cuda/step/rank_support.hpp"
#include "cuda/step/train_step.hpp"

namespace millrace::cuda {

nn::StepFactory step_factory() {
  return {make_cuda_train_step, make_cuda_evaluation_step, cuda_train_step_bytes, cuda_evaluation_step_bytes,
          why_no_rank_sums};
}

}  // namespace millrace::cuda
