// What a stage that prepares rows does to each value: the one place that says it, by the stage's name.
#pragma once

#include "slice/model_rows.hpp"

#include <millrace/files/model_use.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

struct NodeForm {
  std::string node;
  bool flattens = false;  ///< makes a vector of each row
  std::vector<RowStep> steps = {};
};

/// Throws Error(export-stage, config), with the names of node and stage, for a stage that has no form.
NodeForm form_of(const RowNode& node);

/// The stages that have one, by name.
std::vector<std::string> stages_with_a_form();

}  // namespace millrace::pipelines
