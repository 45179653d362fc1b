// A model whose rows come in no way that can be said is kept all the same: the run goes on, and who wants to use it is told why not.
#include "row_form.hpp"

#include <millrace/error.hpp>

#include <utility>

namespace millrace::pipelines {
namespace {

ModelUse use_without_rows(const ValidatedNode& trainer, const std::string& why) {
  ModelUse use;
  use.why_no_rows = why;
  if (const PortSpec* const port = trainer.model_output()) {
    use.model = port->model;
    use.loss = port->loss;
  }
  return use;
}

ModelUse use_of(const WholeGraph& whole, const std::string& trainer) {
  try {
    return model_use(model_rows(whole, trainer));
  } catch (const Error& error) {
    return use_without_rows(trainer_of(whole.graph, trainer), error.message());
  }
}

}  // namespace

RowForm row_form(const ModelRows& rows) {
  RowForm form{rows.source.port, rows.rows, {}};
  for (const RowNode& node : rows.nodes) form.nodes.push_back(form_of(node));
  return form;
}

ModelUse model_use(const ModelRows& rows) {
  ModelUse use{rows.model, rows.loss, rows.batch_rows, {}, {}, rows.classes};
  try {
    const RowForm form = row_form(rows);
    RowPreparation preparation{form.rows.dtype, form.rows.row_shape, {}};
    for (const NodeForm& node : form.nodes)
      preparation.steps.insert(preparation.steps.end(), node.steps.begin(), node.steps.end());
    use.rows = std::move(preparation);
  } catch (const Error& error) {
    use.why_no_rows = error.message();
  }
  return use;
}

SafetensorsMetadata model_uses(const WholeGraph& whole) {
  SafetensorsMetadata uses;
  for (const std::string& trainer : trainers_of(whole.graph))
    if (const ModelUse use = use_of(whole, trainer); use.model)
      uses.emplace(model_use_key(trainer), model_use_text(use));
  return uses;
}

}  // namespace millrace::pipelines
