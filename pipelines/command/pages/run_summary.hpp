// What a run says of itself when it is over.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run/report/run_report.hpp"

#include <cstddef>
#include <string>

namespace millrace::pipelines {

/// How it ended and after how long, which node limits it, the hash of the weights, device and memory; lines for a person.
/// `warnings`: how many were told, before the run and during it.
std::string run_summary(const ValidatedGraph& graph, const RunReport& report, std::size_t warnings);

/// By how many bytes the run may have taken more than `plan` said, because it widened budgets.
std::size_t bytes_beyond_plan(const ValidatedGraph& graph, const RunReport& report);

}  // namespace millrace::pipelines
