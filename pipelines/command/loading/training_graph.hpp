// What of a checked config runs when it trains.
#pragma once

#include "checked_config.hpp"

#include <millrace/peers.hpp>

namespace millrace::pipelines {

/// Takes the test set out of the graph of a config without errors: no training has it. What others draw at random stays as it is beside it.
/// `peers` may be null.
void leave_test_out(CheckedConfig& checked, const Peers* peers);

}  // namespace millrace::pipelines
