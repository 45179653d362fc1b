// The tables of a run's page. Each is empty where nothing is known of what it is about.
#pragma once

#include "report/run_record.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// So many epochs are listed at most, fewer of many metrics: the first, the last, the best, and others at equal distances.
inline constexpr std::size_t kMostListedEpochs = 200;
/// So many nodes at most: those that were busy for the longest.
inline constexpr std::size_t kMostListedNodes = 200;

std::string told_list(const std::vector<ToldProblem>& problems, const char* what, const char* look);
std::string journal_note(const RunRecord& record);
std::string best_table(const RunRecord& record);
std::string epochs_table(const RunRecord& record);
/// The nodes with their share of the time, the rails of the graph, and what limits the run.
std::string pipeline_table(const RunRecord& record);
std::string model_tables(const RunRecord& record);
/// Each look at the test set, and what it has found.
std::string test_table(const RunRecord& record);
std::string lineage_tables(const RunRecord& record);
std::string environment_table(const RunRecord& record);

}  // namespace millrace::pipelines
