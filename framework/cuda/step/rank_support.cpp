// Refuses `reduction: ordered`, since NCCL adds in an order of its own, and several ranks where NCCL is missing.
#include "cuda/step/rank_support.hpp"

#include "comm/nccl/nccl_sum.hpp"

namespace millrace::cuda {

std::string why_no_rank_sums(const TrainSpec& spec) {
  if (spec.reduction == Reduction::ordered) return "GPUs sum in NCCL's order, not in that of `reduction: ordered`";
  return spec.communicator != nullptr && spec.communicator->size() > 1 ? comm::why_no_nccl() : "";
}

}  // namespace millrace::cuda
