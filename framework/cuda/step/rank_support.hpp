// Whether a step on a card can sum gradients over its ranks.
#pragma once

#include <millrace/model.hpp>

#include <string>

namespace millrace::cuda {

/// Why the step of `spec` cannot sum over its ranks on a card; empty when it can, or has no need to.
std::string why_no_rank_sums(const TrainSpec& spec);

}  // namespace millrace::cuda
