// Whether a step on a GPU can sum gradients over its ranks.
#pragma once

#include <millrace/model.hpp>

#include <string>

namespace millrace::cuda {

/// Why the step of `spec` cannot sum over its ranks on a GPU; empty when it can, or has no need to.
std::string why_no_rank_sums(const TrainSpec& spec);

}  // namespace millrace::cuda
