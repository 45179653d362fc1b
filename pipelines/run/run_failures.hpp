// What a run says of a node that has failed it in other ways than by an exception.
#pragma once

#include "check/graph/validated_graph.hpp"
#include "run/report/epoch_cut.hpp"
#include "run/report/run_report.hpp"
#include "run/report/stop_state.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace millrace::pipelines {

/// A call of the node's stage has lasted longer than it may; names those who wait for it.
RunFailure hung_stage(const ValidatedGraph& graph, std::size_t index, const RunPosition& at);
/// Of each transform the failure of its first packet alone, and all others, in their order.
std::vector<RunFailure> first_of_transforms(const ValidatedGraph& graph, std::vector<RunFailure> failures);
/// In so many epochs no row has reached a trainer; an evaluator.
RunFailure nothing_trained(const ValidatedNode& node, std::uint32_t epochs);
RunFailure nothing_measured(const ValidatedNode& node, std::uint32_t epochs);
/// A trainer that has told no metrics of some epochs.
RunFailure missing_epochs(const ValidatedNode& node, const std::string& port, const std::vector<std::uint32_t>& epochs);
/// One line for the other processes, which know neither this one's files nor its lines, and write it as it comes.
std::string text_for_peers(const RunFailure& failure);
/// So many bytes of tensors outlive every stage.
RunFailure leaked_memory(std::size_t bytes);
/// Notes of a training that has diverged: which model of each trainer is reported, or why none.
void add_kept_notes(const ValidatedGraph& graph, const EpochCut& cut, const std::vector<TrainedModel>& models,
                    RunFailure& failure);

}  // namespace millrace::pipelines
