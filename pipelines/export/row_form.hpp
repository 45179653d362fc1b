// What prepares the rows of a model, in terms that do not depend on any stage: one part for each node on the way.
#pragma once

#include "slice/model_rows.hpp"
#include "stage_forms.hpp"

#include <millrace/files/model_use.hpp>

#include <string>
#include <vector>

namespace millrace::pipelines {

struct RowForm {
  std::string source;  ///< the port of the source that the rows come from: "images"
  TensorSpec rows;     ///< as the source gives them
  std::vector<NodeForm> nodes;
};

/// Throws Error(export-stage, config), with the names of node and stage, for a stage that has no form.
RowForm row_form(const ModelRows& rows);

/// How the model is used by who has none of this program's stages. What has no form is told there, and does not throw.
ModelUse model_use(const ModelRows& rows);
/// That of each trainer of a graph, as metadata of a file with their models.
SafetensorsMetadata model_uses(const WholeGraph& whole);

}  // namespace millrace::pipelines
