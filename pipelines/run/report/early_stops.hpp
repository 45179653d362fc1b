// What the nodes that judge epochs have come to, in the report of a run.
#pragma once

#include "run_report.hpp"

#include <map>
#include <string>

namespace millrace::pipelines {

/// Sets `early_stops`. Of a run that has come to its own end each model that is to be restored takes the place of that which its trainer has come
/// to last. Call it when models, epochs, failures and exit code are there.
void add_early_stops(const ValidatedGraph& graph, const std::map<std::string, BestEpoch>& best_epochs,
                     RunReport& report);

/// "stopped early after epoch 8: val_loss had not become better for 3 epochs at the end of epoch 7; best 0.123 at epoch 4".
std::string early_stop_text(const EarlyStop& stop);

}  // namespace millrace::pipelines
