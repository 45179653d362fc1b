// The slice that evaluates a run's test set with a model that was kept, and who else may see what of the test set.
#pragma once

#include "command/loading/checked_config.hpp"
#include "run/report/capture.hpp"
#include "slice/slice.hpp"

#include <string>
#include <utility>
#include <vector>

namespace millrace::pipelines {

/// How a model does on the test set is shown by `test` alone, which writes each look down. Throws Error("test-set-used", usage) where `output` depends on both.
void require_no_test_of_model(const ValidatedGraph& graph, const OutputName& output);

/// Whether the output belongs to what no training has, because the test set alone needs it.
bool is_for_test_alone(const CheckedConfig& checked, const OutputName& output);

/// What a test comes to: names as `test` tells them, and values.
using TestValues = std::vector<std::pair<std::string, double>>;

/// Throws Error("no-test-set", config), which says how one is written, for a config without one.
void require_test_set(const CheckedConfig& checked, const std::string& run);

/// The trainers whose models the test set is evaluated with.
std::vector<std::string> tested_trainers(const CheckedConfig& checked);

/// The evaluators of the test set and all before them, with the models of `checkpoint` in place of those that are trained.
ValidatedGraph test_slice(const CheckedConfig& checked, const std::string& checkpoint, Diagnostics& diagnostics);

/// What its evaluators give, brought into `values`, which outlives the run.
std::vector<Capture> test_captures(const CheckedConfig& checked, TestValues& values);

}  // namespace millrace::pipelines
