// What a stage that prepares rows is in ONNX's terms: the one place that says it, by the stage's name.
#pragma once

#include "input_path.hpp"
#include "onnx_graph.hpp"

#include <string>
#include <vector>

namespace millrace::pipelines {

/// Appends what the step computes from the value `in`; returns the value that it gives. Throws Error(export-stage, config), with the names of node
/// and stage, for a stage that has no form.
std::string add_step(const PathStep& step, const std::string& in, OnnxGraph& graph);

/// The stages that have one, by name.
std::vector<std::string> stages_with_a_form();

}  // namespace millrace::pipelines
