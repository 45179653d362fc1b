// The slice that predicts the rows of a file with the model of a run.
#pragma once

#include "command/loading/checked_config.hpp"
#include "slice/model_rows.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// The nodes to be added to a slice that predicts with the model of `checkpoint`; what they give is predictions(). The rows are those of the way's own source.
std::vector<NodeSpec> predicting_nodes(const CheckedConfig& checked, const ModelRows& way,
                                       const std::string& checkpoint);

/// The slice that predicts the rows of `file` with the model of `checkpoint`; what is captured is predictions(). Throws Error("wrong-rows", data): they are other
/// than those that the way takes.
ValidatedGraph prediction_slice(const CheckedConfig& checked, const ModelRows& way, const std::string& checkpoint,
                                const std::string& file, Diagnostics& diagnostics);
/// A node that gives the model of trainer `trainer` as `checkpoint` has it, at its port `model`.
NodeSpec model_node(const CheckedConfig& checked, const std::string& trainer, const std::string& checkpoint);

}  // namespace millrace::pipelines
