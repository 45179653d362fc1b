// What a run that comes to its own end must have done: a graph may move every packet and still train nothing.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run/report/run_history.hpp"
#include "run/report/run_report.hpp"

#include <cstdint>
#include <vector>

namespace millrace::pipelines {

/// Trainers that have told nothing of an epoch from `first` to `last`, or have trained nothing in all of them, and evaluators that have
/// measured nothing.
std::vector<RunFailure> check_work(const ValidatedGraph& graph, const RunHistory& history, std::uint32_t first,
                                   std::uint32_t last);

}  // namespace millrace::pipelines
