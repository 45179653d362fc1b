// What a report is made of, for programs. Schema 1; keys are only ever added.
#pragma once

#include "run_record.hpp"

#include <nlohmann/json_fwd.hpp>

namespace millrace::pipelines {

/// What is not known is absent. A value that is not finite is the text "nan", "inf" or "-inf", as in the journal.
nlohmann::ordered_json report_json(const RunRecord& record);
/// The same of a curve: [[epoch, value], ...].
nlohmann::ordered_json points_json(const Curve& curve);
nlohmann::ordered_json number_json(double value);
/// A look at the test set: epoch, checkpoint, weights_sha256, time and metrics.
nlohmann::ordered_json test_entry_json(const TestEntry& entry);
/// All of them, the oldest first.
nlohmann::ordered_json test_ledger_json(const std::vector<TestEntry>& entries);

}  // namespace millrace::pipelines
