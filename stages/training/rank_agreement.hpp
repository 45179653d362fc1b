// What the ranks of a training tell each other at the end of an epoch, beside sums. Every rank calls each; alone, they do nothing.
#pragma once

#include <millrace/communicator.hpp>
#include <millrace/model.hpp>

#include <cstdint>

namespace millrace::stages {

/// Every rank updates its own copy of the weights; nothing but this would show that one has gone astray. Throws Error("ranks-differ", run).
void require_equal_weights(Communicator&, const ModelSnapshot& model, std::uint32_t epoch);

/// A stop that one of them was asked for in the last batch of an epoch is agreed on here, when the epoch is told; before, it would cancel
/// what that needs.
void agree_on_stop(Communicator&);

}  // namespace millrace::stages
